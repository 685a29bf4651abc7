"""Messages between actors of the factory. All are trusted, none comes from a worker undecoded.

`tell` wants no answer, `ask` wants the one named in the docstring. Here are the answers that many give, and each actor's inbox: one union.
The other messages are in the `*_mail` modules, by conversation; the supervisor's, and what all mail needs, are to be had here too.
"""

from typing import Literal

from factory.protocol.attempt_mail import Accepted, Finish, Happened, Noted, Recorded, Renew, Renewed, Stalled, Starting, WorkerGone
from factory.protocol.commands import EmergencyStop, ReleaseLock, Reply, Steer, SteerActor, SteerHost, Submit, Switch
from factory.protocol.delivery_mail import OutboxReady, Prepare, Prepared, PrepareFailed, Published, Rejected
from factory.protocol.egress_mail import LetOut, LetOutElsewhere, ShutOut, Spent, SpentKept, TermsTold, TermsWanted, WentOut
from factory.protocol.follow_mail import LookAt
from factory.protocol.gateway_mail import Distrusted, Enrol, Enrolled, Enrolment, Inbound, Outbound, Revoke
from factory.protocol.host_mail import (
    HostAnswer,
    HostCall,
    HostInbound,
    HostKeys,
    HostList,
    HostLook,
    HostOutbound,
    Hosts,
    JoinAnswer,
    JoinAsked,
)
from factory.protocol.issue_mail import IssueWord
from factory.protocol.learner_mail import Found, Recall, Recalled, Search
from factory.protocol.lease_mail import Claimed, Credit, GiveBack, GivenBack, LeaseEnded, NoneMade, Outstanding, Survey
from factory.protocol.limiter_mail import Capacity, NewSettings, Room, RoomChanged
from factory.protocol.lock_mail import Acquire, LockVerdict, Release, Unparked
from factory.protocol.mail import Lease as Lease  # noqa: PLC0414 - as said above
from factory.protocol.mail import Mail as Mail  # noqa: PLC0414
from factory.protocol.mail import Work as Work  # noqa: PLC0414
from factory.protocol.result_mail import ShowResult
from factory.protocol.spec_mail import Shown, ShowRepository
from factory.protocol.supervisor_mail import Child as Child  # noqa: PLC0414
from factory.protocol.supervisor_mail import Children as Children  # noqa: PLC0414
from factory.protocol.supervisor_mail import Health as Health  # noqa: PLC0414
from factory.protocol.supervisor_mail import Shutdown as Shutdown  # noqa: PLC0414
from factory.protocol.supervisor_mail import StartWorkerActor as StartWorkerActor  # noqa: PLC0414
from factory.protocol.supervisor_mail import StopMode as StopMode  # noqa: PLC0414
from factory.protocol.supervisor_mail import Stopping as Stopping  # noqa: PLC0414
from factory.protocol.supervisor_mail import Tree as Tree  # noqa: PLC0414
from factory.protocol.supervisor_mail import Vitals as Vitals  # noqa: PLC0414


class Ok(Mail, frozen=True, tag="ok"):
    """Done."""


class Stale(Mail, frozen=True, tag="stale"):
    """The lease is not the current one (any more)."""

    lease: Lease
    reason: str = ""


class Refused(Mail, frozen=True, tag="refused"):
    """Not done, and asking again will not help."""

    reason: str
    code: Literal["not_found", "conflict", "invalid", "refused"] = "refused"


class Unavailable(Mail, frozen=True, tag="unavailable"):
    """Not done now; asking again may help."""

    reason: str


QueueMail = (
    Credit
    | Survey
    | GiveBack
    | Starting
    | Accepted
    | Renew
    | Stalled
    | Happened
    | Finish
    | WorkerGone
    | Published
    | Rejected
    | Enrolled
    | Spent
    | Unparked
    | IssueWord
    | Submit
    | Steer
    | EmergencyStop
    | Shutdown
    | Health
)
LimiterMail = Capacity | Switch | NewSettings | Shutdown | Health
LocksMail = Acquire | Release | ReleaseLock | Shutdown | Health
GatewayMail = Enrol | Revoke | Outbound | HostKeys | HostOutbound | JoinAnswer | Shutdown | Health
HostsMail = (
    HostInbound | JoinAsked | HostCall | HostLook | HostList | SteerHost | LetOutElsewhere | TermsTold | SpentKept | Shutdown | Health
)
DispatcherMail = Claimed | Outstanding | LeaseEnded | RoomChanged | NoneMade | Shutdown | Health
DeliveryMail = Prepare | OutboxReady | ShowResult | ShowRepository | LookAt | Shutdown | Health
JournalMail = Shutdown | Health
LearnerMail = Recall | Search | Shutdown | Health
DatabaseMail = Shutdown | Health
HttpMail = Shutdown | Health
EgressMail = LetOut | ShutOut | TermsWanted | Shutdown | Health
WorkerMail = (
    Inbound | Distrusted | Noted | Renewed | LeaseEnded | Recorded | Prepared | PrepareFailed | Recalled | WentOut | Shutdown | Health
)
SupervisorMail = StartWorkerActor | Children | SteerActor | Shutdown
Answers = (
    Ok
    | Stale
    | Refused
    | Unavailable
    | Room
    | LockVerdict
    | GivenBack
    | Enrolment
    | Found
    | Shown
    | Stopping
    | Tree
    | Reply
    | HostAnswer
    | Hosts
)
