"""Every door to the outside: small protocols, keyword-only, plain values.

Adapters implement them; only `wiring` knows which. A call either returns, or raises one of model.outcomes:
Refused, TryLater, SlowDown, UnknownOutcome. Adapters never touch the store, never log about an invoice, and decide no
status: the step that calls does.
"""

from worker.ports.bank_files import BankFiles, RemoteFile
from worker.ports.books import LedgerAccount, OpenItem, PostedVoucher, VoucherBook
from worker.ports.checking import (
    Checked,
    CheckedAccessPoint,
    CheckedConsumerChannel,
    CheckedMailServer,
    CheckedPrintHouse,
)
from worker.ports.consumer import Consumer, ConsumerAnswer, ConsumerChannel, ConsumerInvoice
from worker.ports.erp import Erp, ErpIdentity, ErpInvoice, FactoringStatus
from worker.ports.letters import BatchHandOver, PrintHouse, PrintJob, ReceiptsFiled
from worker.ports.mail import MailAttachment, Mailer, MailReceipt, MailServer, OutboundMail
from worker.ports.mailbox import Filed, Mailbox, OpenMailbox
from worker.ports.peppol import (
    AccessPoint,
    DebtorReach,
    Notice,
    NoticeShelf,
    OutboundDocument,
    ReachLookup,
    Submission,
    SubmissionState,
)
from worker.ports.rules import DocumentRules, RulesUnavailable
from worker.ports.shelves import Claim, DocumentLost, DocumentStore, FactorLedger, LyingClaim, StoredDocument

__all__ = [
    "AccessPoint",
    "BankFiles",
    "BatchHandOver",
    "Checked",
    "CheckedAccessPoint",
    "CheckedConsumerChannel",
    "CheckedMailServer",
    "CheckedPrintHouse",
    "Claim",
    "Consumer",
    "ConsumerAnswer",
    "ConsumerChannel",
    "ConsumerInvoice",
    "DebtorReach",
    "DocumentLost",
    "DocumentRules",
    "DocumentStore",
    "Erp",
    "ErpIdentity",
    "ErpInvoice",
    "FactorLedger",
    "FactoringStatus",
    "Filed",
    "LedgerAccount",
    "LyingClaim",
    "MailAttachment",
    "MailReceipt",
    "MailServer",
    "Mailbox",
    "Mailer",
    "Notice",
    "NoticeShelf",
    "OpenItem",
    "OpenMailbox",
    "OutboundDocument",
    "OutboundMail",
    "PostedVoucher",
    "PrintHouse",
    "PrintJob",
    "ReachLookup",
    "ReceiptsFiled",
    "RemoteFile",
    "RulesUnavailable",
    "StoredDocument",
    "Submission",
    "SubmissionState",
    "VoucherBook",
]
