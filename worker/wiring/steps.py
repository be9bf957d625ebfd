"""A client's steps, by the names of the timetable."""

from __future__ import annotations

import asyncio

from worker import delivery, intake, postback, registration, routing, stamping
from worker.adapters.factor_ledger import FolderFactorLedger
from worker.model.channel import Channel
from worker.model.kid import KidLayout
from worker.ports import Erp
from worker.settings import ClientFile, WorkerSettings, iban_of
from worker.stamping.notice import NoticeTemplates
from worker.stamping.ubl import EmbeddedInvoice, PaymentAccount
from worker.store import story
from worker.support.log import get_logger
from worker.support.summary import Summary
from worker.wiring.house import House, Step
from worker.wiring.reporting import reporting_steps
from worker.wiring.settlement import settlement_steps


def steps_of(house: House, client: ClientFile, erp: Erp) -> dict[str, Step]:
    """The client's steps by the names of day.TIMETABLE, ready to be called."""
    db, clock, documents, name = house.db, house.clock, house.documents, client.name
    own = client.settings
    rules = routing_rules(client)
    sending = delivery_config(house.settings, client)
    reach = routing.RememberedReach(lookup=house.lookup, db=db, clock=clock)
    carriers = delivery.Carriers(
        house.access_point, house.mail_server, house.print_house, reach, house.consumers, house.lanes
    )
    stamper = stamping_config(house.settings, client)
    ledger = FolderFactorLedger(house.settings.ledger_folder)
    return {
        "intake": lambda: intake.run(
            now=clock.now(),
            client=name,
            config=intake.IntakeConfig(own.erp, own.organisation_number),
            db=db,
            erp=erp,
            documents=documents,
        ),
        "stamping": lambda: stamping.run(
            now=clock.now(),
            client=name,
            config=stamper,
            db=db,
            documents=documents,
            rules=house.rules,
            halt=house.halt,
        ),
        "registration": lambda: registration.run(
            now=clock.now(),
            client=name,
            config=registration.RegistrationConfig(own.organisation_number, own.kid_client_number),
            db=db,
            documents=documents,
            ledger=ledger,
        ),
        "routing": lambda: routing.run(
            now=clock.now(), client=name, rules=rules, db=db, reach=reach, consumers=house.consumers
        ),
        "delivery": lambda: delivery.run(
            clock=clock, client=name, config=sending, db=db, documents=documents, carriers=carriers, halt=house.halt
        ),
        "follow_up": lambda: delivery.run_follow_up(
            clock=clock, client=name, config=sending, db=db, documents=documents, carriers=carriers, halt=house.halt
        ),
        "receipts": lambda: house.receipt_desk.look(clock),
        "bounces": lambda: _bounces(house),
        "codes": code_step(house, client),
        "fallback": lambda: routing.run_fallback(now=clock.now(), client=name, rules=rules, db=db),
        "fallback_refused": lambda: routing.run_fallback(
            now=clock.now(), client=name, rules=rules, db=db, refused_only=True
        ),
        "postback": lambda: postback.run(
            clock=clock, client=name, db=db, erp=erp, documents=documents, halt=house.halt
        ),
        "postback_repeats": lambda: postback.run(
            clock=clock, client=name, db=db, erp=erp, documents=documents, halt=house.halt, repeats_only=True
        ),
        **settlement_steps(house, client),
        "story_digest": lambda: _keep_digest(house, name),
        **reporting_steps(house, client, erp),
    }


async def _bounces(house: House) -> Summary:
    """The mailbox is the house's: the first client whose turn it is looks into it, the others find it done."""
    return await house.bounce_box.look(house.clock) if house.bounce_box is not None else Summary()


def code_step(house: House, client: ClientFile) -> Step:
    """Sends the client's codes that are due; it needs no ERP, so it is also run between the slots."""
    sending = delivery_config(house.settings, client)

    async def codes() -> Summary:
        async with house.lanes.codes:
            return await delivery.run_codes(
                clock=house.clock,
                client=client.name,
                config=sending,
                db=house.db,
                mail_server=house.mail_server,
                halt=house.halt,
            )

    return codes


async def _keep_digest(house: House, client: str) -> Summary:
    """The digest of all stories in the log, which the database's keeper cannot change afterwards."""
    seen = await asyncio.to_thread(story.digest, house.db, client=client)
    get_logger().info("story.digest", sha256=seen.digest, count=seen.stories)
    return Summary()


def routing_rules(client: ClientFile) -> routing.RoutingRules:
    """The client's choices on the way out."""
    own = client.settings
    return routing.RoutingRules(
        email_channel=Channel.EMAIL_LINK if own.email_channel == "link" else Channel.EMAIL_PDF,
        print_only_address=own.print_only_address,
        unopened_days=own.unopened_days,
        efaktura=own.efaktura == "on",
        issuer=own.organisation_number,
        efaktura_tenant=own.efaktura_tenant or own.access_point_tenant,
    )


def stamping_config(settings: WorkerSettings, client: ClientFile) -> stamping.StampingConfig:
    """Raises NoticeError (a notice text that cannot be used) and OSError (the logo)."""
    own = client.settings
    account = own.factor_account or settings.factor_account
    return stamping.StampingConfig(
        client_name=own.client_name,
        client_number=own.kid_client_number,
        factor_name=settings.factor_name,
        factor_organisation_number=settings.factor_organisation_number,
        factor_contact=settings.factor_contact,
        account=account,
        iban=iban_of(account),
        bic=settings.factor_bic,
        days=settings.complaint_days,
        kid_layout=KidLayout.parse(own.kid_layout, algorithm=own.kid_algorithm),
        kid_on_credit_notes=own.kid_on_credit_notes,
        notices=NoticeTemplates(
            family=own.notice_family,
            label=own.notice_version,
            nb=own.notice_nb,
            en=own.notice_en,
            credit_nb=own.notice_credit_nb,
            credit_en=own.notice_credit_en,
        ),
        language=own.language,
        payment_account=PaymentAccount(own.payment_account),
        embedded_invoice=EmbeddedInvoice(own.embedded_invoice),
        factored_type_codes=own.factored_type_codes,
        return_address=settings.factor_return_address,
        accent=own.accent_colour,
        logo=own.logo_file.read_bytes() if own.logo_file else None,
    )


def delivery_config(settings: WorkerSettings, client: ClientFile) -> delivery.DeliveryConfig:
    """Client and factor as they are named on the way out."""
    own = client.settings
    return delivery.DeliveryConfig(
        client_name=own.client_name,
        factor_name=settings.factor_name,
        factor_contact=settings.factor_contact,
        reply_to=own.reply_to,
        message_id_domain=settings.smtp_from.rpartition("@")[2],
        portal_url=settings.portal_url,
        link_days=settings.link_days,
        unopened_days=own.unopened_days,
        server_key=settings.portal_key.get_secret_value().encode(),
        return_address=settings.factor_return_address,
        bounce_address=settings.bounce_address,
        code_in_second_mail=own.link_code == "second_mail",
        letter_colour=own.letter_colour,
        letter_duplex=own.letter_duplex,
        letter_post_class=own.letter_post_class or settings.letter_post_class,
        letter_return=settings.letter_return,
        letters_in_batches=settings.letter_batch == "slot",
        access_point_tenant=own.access_point_tenant,
        efaktura=own.efaktura == "on",
        efaktura_tenant=own.efaktura_tenant or own.access_point_tenant,
        issuer=own.organisation_number,
    )
