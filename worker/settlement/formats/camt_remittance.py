"""What a camt.054 transaction is said to pay: KID, document numbers, text."""

from __future__ import annotations

from dataclasses import dataclass

from worker.settlement.formats.camt_values import child_of, children_of, text_of
from worker.settlement.formats.xml_stream import XmlElement


@dataclass(frozen=True, slots=True)
class Remittance:
    """`kid` as given, empty when there is none or more than one; then all of them stand in `text`."""

    kid: str = ""
    numbers: tuple[str, ...] = ()
    text: str = ""


NOTHING = Remittance()


def remittance(element: XmlElement | None) -> Remittance:
    """From RmtInf. Raises Fault."""
    if element is None:
        return NOTHING
    namespace = element.tag[: element.tag.index("}") + 1]
    kids: dict[str, None] = {}
    numbers: dict[str, None] = {}
    texts: list[str] = []
    for child in element:
        if child.tag == namespace + "Ustrd":
            texts.append(text_of(child))
        elif child.tag == namespace + "Strd":
            for part in child:
                if part.tag == namespace + "CdtrRefInf":
                    reference = text_of(child_of(part, "Ref"))
                    if reference and _is_kid(part):
                        kids[reference] = None
                    else:
                        texts.append(reference)
                elif part.tag == namespace + "RfrdDocInf":
                    numbers[text_of(child_of(part, "Nb"))] = None
                elif part.tag == namespace + "AddtlRmtInf":
                    texts.append(text_of(part))
    if len(kids) > 1:
        texts = [f"KID {kid}" for kid in kids] + texts
    return Remittance(
        kid=next(iter(kids)) if len(kids) == 1 else "",
        numbers=tuple(number for number in numbers if number),
        text=" ".join(" ".join(texts).split()),
    )


def _is_kid(reference: XmlElement) -> bool:
    kind = children_of(child_of(reference, "Tp"), "CdOrPrtry", "Issr")
    code = text_of(child_of(kind.get("CdOrPrtry"), "Cd"))
    return code == "SCOR" and text_of(kind.get("Issr")) != "ISO"
