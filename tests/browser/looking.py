"""What can be measured on a page as it stands in the browser: WCAG 2.2 AA as far as numbers go. Answers in faults."""

from __future__ import annotations

from playwright.sync_api import Page

_AUDIT = """
() => {
  const faults = [];
  const all = (query) => [...document.querySelectorAll(query)];
  const named = (element) =>
    `${element.tagName.toLowerCase()} ${(element.textContent || element.id).trim().slice(0, 40)}`;

  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = numbers(colour).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      const alpha = numbers(colour)[3];
      if (alpha === undefined || alpha === 1) return colour;
      if (alpha !== 0) faults.push(`${named(at)}: a ground one sees through cannot be measured`);
    }
    faults.push('the page has no ground of its own');
    return 'rgb(255, 255, 255)';
  };
  window.__contrast = contrast;
  window.__ground = ground;

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let measured = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest('.unseen')) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = contrast(style.color, ground(element));
    measured += 1;
    if (found < (large ? 3 : 4.5)) faults.push(`${named(element)}: contrast ${found.toFixed(2)}`);
    if (size < 14) faults.push(`${named(element)}: text of ${size} px`);
  }
  if (measured < 4) faults.push(`only ${measured} texts were measured`);

  for (const control of all('a, button, input')) {
    const style = getComputedStyle(control);
    const box = control.getBoundingClientRect();
    const least = control.matches('a:not(.button)') ? 24 : 44;
    if (box.height < least || box.width < 24) faults.push(`${named(control)}: target ${box.width} × ${box.height}`);
    if (control.matches('input, button')) {
      const around = ground(control.parentElement);
      const edge = Math.max(contrast(style.borderTopColor, around), contrast(ground(control), around));
      if (edge < 3) faults.push(`${named(control)}: edge ${edge.toFixed(2)}`);
    }
    const name = control.matches('input')
      ? [...(control.labels || [])].map((label) => label.textContent.trim()).join('')
      : control.textContent.trim();
    if (!name) faults.push(`${named(control)}: no name`);
  }

  for (const element of all('body *')) {
    const style = getComputedStyle(element);
    if (style.animationName !== 'none' || style.transitionDuration !== '0s') faults.push(`${named(element)}: moves`);
    for (const attribute of ['aria-describedby', 'aria-labelledby', 'for'])
      for (const id of (element.getAttribute(attribute) || '').split(' ').filter(Boolean))
        if (!document.getElementById(id)) faults.push(`${named(element)}: ${attribute} names no ${id}`);
    if (element.tabIndex > 0) faults.push(`${named(element)}: an order of its own`);
  }
  const ids = all('[id]').map((element) => element.id);
  if (new Set(ids).size !== ids.length) faults.push('an id stands twice');

  for (const landmark of ['h1', 'header', 'main', 'footer'])
    if (all(landmark).length !== 1) faults.push(`${all(landmark).length} × ${landmark}`);
  let before = 0;
  for (const heading of all('h1, h2, h3, h4')) {
    const level = Number(heading.tagName[1]);
    if (level > before + 1) faults.push(`${named(heading)}: after a heading of level ${before}`);
    before = level;
  }
  if (!['nb', 'en'].includes(document.documentElement.lang)) faults.push('the page says no language');
  for (const link of all('[hreflang]')) if (link.lang !== link.hreflang) faults.push('the switch is in no language');
  if (!document.title.includes(' – ')) faults.push('the title says neither page nor owner');
  return faults;
}
"""
_WIDEST = """
(width) => {
  const root = document.documentElement;
  root.style.width = width;
  const reach = Math.max(...[...document.querySelectorAll('body *')].map((one) => one.getBoundingClientRect().right));
  root.style.width = '';
  return Math.ceil(Math.max(reach, width ? 0 : root.scrollWidth));
}
"""
_FOCUSED = """
() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  return {
    name: (element.textContent || element.id).trim(),
    seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
      && window.__contrast(style.outlineColor, window.__ground(element.parentElement)) >= 3,
  };
}
"""


def faults(page: Page) -> list[str]:
    """What is wrong with the page as it is shown now: contrast, targets, names, headings, landmarks, motion."""
    page.wait_for_load_state()
    return page.evaluate(_AUDIT)


def widest(page: Page, *, squeezed_to: int | None = None) -> int:
    """How far right anything reaches, in px: more than the window's width must be scrolled to sideways.

    `squeezed_to`: as if the window were so narrow.
    """
    return page.evaluate(_WIDEST, f"{squeezed_to}px" if squeezed_to else "")


def tabbed_through(page: Page) -> list[tuple[str, bool]]:
    """Every stop of the tab key: its name, and whether one sees that the focus is there. `faults` first."""
    stops: list[tuple[str, bool]] = []
    for _ in range(30):
        page.keyboard.press("Tab")
        stop = page.evaluate(_FOCUSED)
        if stop is None or (stops and stop["name"] == stops[0][0]):
            break
        stops.append((stop["name"], stop["seen"]))
    return stops
