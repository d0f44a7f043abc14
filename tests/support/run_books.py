"""Holds the ledger of a bulk run against the emulator's books: nothing lost, nothing repeated, every outcome true."""

from attrs import define, field

from packcloud_async import Outcome, SyncKind, SyncResult, TargetState, read_ledger
from packcloud_async._sansio.token import read_token
from packcloud_async.cli.books_check import BooksCheck


@define
class Verdict:
    """What the books say of one finished ledger; texts name what is not as it should be."""

    jobs: int = 0
    kinds: int = 0
    ambiguous: int = 0
    lost: list[str] = field(factory=list)
    repeated: list[str] = field(factory=list)
    wrong: list[str] = field(factory=list)

    @property
    def is_clean(self):
        return not (self.lost or self.repeated or self.wrong)


def jobs_in(path):
    """The jobs of a ledger by organization and integration."""
    with read_ledger(path) as contents:
        return {
            (target.target.organization_id, job.integration_id): job
            for target in contents.targets()
            for job in target.jobs
        }


def failed_in(path):
    """The organizations that could not be started."""
    with read_ledger(path) as contents:
        return {t.target.organization_id for t in contents.targets() if t.state is TargetState.FAILED}


def hold_against_books(path, emulator, organizations, *, kinds=tuple(SyncKind), window, may_fail=False, in_doubt=None):
    """Judge a finished ledger.

    ``window`` is the seconds from a POST in which a move was certainly watched. ``may_fail`` says that a target or a
    job may have ended with an error before anything was sent. ``in_doubt`` are the (organization, integration, kind)
    that may be ambiguous, None for any.
    """
    verdict, jobs = Verdict(), jobs_in(path)
    failed = failed_in(path) if may_fail else ()
    check = BooksCheck(emulator, expected=0, window=window)
    for organization in organizations:
        for number in range(1, emulator.world.integrations + 1):
            place = (organization, f"int_{number}")
            if organization not in failed:
                _judge(verdict, check, place, jobs.get(place), kinds, may_fail)
            for kind in kinds:
                if len(runs := emulator.books.of(*place, kind)) > (organization not in failed):
                    verdict.repeated.append(f"{'/'.join(place)} {kind.value}: {len(runs)} times")
    verdict.wrong += check.wrong
    if in_doubt is not None:
        verdict.wrong += [f"{told} was never cut off" for told in _ambiguous(jobs) - in_doubt]
    verdict.ambiguous = len(_ambiguous(jobs))
    return verdict


def _judge(verdict, check, place, job, kinds, may_fail):
    name = "/".join(place)
    if job is None or not job.finished:
        verdict.lost.append(f"{name}: {'missing' if job is None else 'unfinished'}")
        return
    outcomes = {kind: state.outcome for kind, state in read_token(job.token).kinds.items() if state.outcome is not None}
    verdict.jobs += 1
    verdict.kinds += len(outcomes)
    if not set(outcomes) >= set(kinds) and not (may_fail and job.error and not outcomes):
        verdict.lost.append(f"{name}: {job.error or 'no outcome'}")
    check.add(SyncResult(organization_id=place[0], integration_id=place[1], kinds=outcomes))


def _ambiguous(jobs):
    return {
        (*place, kind)
        for place, job in jobs.items()
        for kind, state in job.kinds.items()
        if state.state is Outcome.AMBIGUOUS
    }
