"""Schedules: cron text, time zones, and what happens when clocks change."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamproc.errors import ScheduleError
from streamproc.policy.cron import parse_cron
from streamproc.policy.schedule import Schedule

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def ms(text: str, zone: str = "UTC") -> int:
    """Give the epoch ms of an ISO time; local to `zone` (the first time, if it comes twice) unless it has an offset."""
    time = datetime.fromisoformat(text)
    return round((time if time.tzinfo else time.replace(tzinfo=ZoneInfo(zone))).timestamp() * 1000)


def local(time_ms: int, zone: str) -> str:
    """Show epoch ms as local clocks do, with the offset."""
    return datetime.fromtimestamp(time_ms / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M%z")


def forwards(schedule: Schedule, after: int, upto: int) -> list[int]:
    """Give all scheduled times in (after, upto], each asked for from the one before."""
    times = itertools.accumulate(itertools.repeat(None), lambda time, _: schedule.next_after(time), initial=after)
    return list(itertools.takewhile(lambda time: time <= upto, itertools.islice(times, 1, None)))


def backwards(schedule: Schedule, after: int, upto: int) -> list[int]:
    """Give the same times by `latest_in`, from the last to the first, turned round."""
    times: list[int] = []
    while (time := schedule.latest_in(after, times[-1] - 1 if times else upto)) is not None:
        times.append(time)
    return times[::-1]


def brute_force(cron: str, zone: str, after: int, upto: int) -> list[int]:
    """Give the scheduled times in (after, upto] by looking at every minute of some days more, by the rule as stated."""
    parsed = parse_cron(cron)
    start, end = (after - 3 * DAY) // MINUTE * MINUTE, upto + 3 * DAY
    clock = {time: datetime.fromtimestamp(time / 1000, ZoneInfo(zone)) for time in range(start, end, MINUTE)}
    walls = {time: shown.replace(tzinfo=None, fold=0) for time, shown in clock.items()}
    minutes = set(parsed.minutes)

    def wanted(wall: datetime) -> bool:
        return wall.hour * 60 + wall.minute in minutes and parsed.on(wall.date())

    if parsed.follows_clock:
        found = {time for time, wall in walls.items() if wanted(wall)}
    else:
        found, highest = set(), min(walls.values()) - timedelta(minutes=1)
        for time, wall in walls.items():
            while highest < wall:  # each wall time up to now that was not reached before
                highest += timedelta(minutes=1)
                if wanted(highest):
                    found.add(time)
    return sorted(time for time in found if after < time <= upto)


# --- times without a change of clocks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("0 0 * * *", "2024-05-01T00:00", "2024-05-02T00:00"),
        ("0 0 * * *", "2024-04-30T23:59:59.999", "2024-05-01T00:00"),
        ("*/15 * * * *", "2024-05-01T10:15", "2024-05-01T10:30"),
        ("30 9-17 * * MON-FRI", "2024-05-03T17:30", "2024-05-06T09:30"),
        ("0 0 1 * *", "2024-01-31T00:00", "2024-02-01T00:00"),
        ("0 0 L * *", "2024-02-01T00:00", "2024-02-29T00:00"),
        ("0 0 LW * *", "2024-03-01T00:00", "2024-03-29T00:00"),
        ("0 0 * * 5#2", "2024-05-01T00:00", "2024-05-10T00:00"),
        ("0 0 * * 5L", "2024-05-01T00:00", "2024-05-31T00:00"),
        ("0 0 * * 7", "2024-05-01T00:00", "2024-05-05T00:00"),
        ("0 0 13 * FRI", "2024-05-01T00:00", "2024-05-03T00:00"),
        ("0 0 29 2 *", "2096-03-01T00:00", "2104-02-29T00:00"),
        ("0 0 * 2 MON#5", "2024-03-01T00:00", "2044-02-29T00:00"),
        ("0 0 30 2 MON", "2024-01-01T00:00", "2024-02-05T00:00"),
        ("@hourly", "2024-05-01T10:15", "2024-05-01T11:00"),
        ("@daily", "2024-05-01T10:15", "2024-05-02T00:00"),
        ("@weekly", "2024-05-01T10:15", "2024-05-05T00:00"),
        ("@Monthly", "2024-05-01T10:15", "2024-06-01T00:00"),
        ("@yearly", "2024-05-01T10:15", "2025-01-01T00:00"),
        ("0 0 * * *", "1969-12-31T12:00", "1970-01-01T00:00"),
    ],
)
def test_next_after_in_utc(cron: str, after: str, expected: str) -> None:
    """Lists, ranges, steps, names, last days and macros give the next time, strictly after the one given."""
    assert Schedule.parse(cron).next_after(ms(after)) == ms(expected)


def test_a_schedule_runs_by_the_clocks_of_its_zone() -> None:
    """Midnight in Tokyo is 15:00 in UTC, and in Kathmandu 18:15."""
    after = ms("2024-05-01T12:00")
    assert Schedule.parse("0 0 * * *", "Asia/Tokyo").next_after(after) == ms("2024-05-01T15:00")
    assert Schedule.parse("0 0 * * *", "Asia/Kathmandu").next_after(after) == ms("2024-05-01T18:15")


def test_schedules_are_equal_by_their_text() -> None:
    """A schedule is a value."""
    assert Schedule.parse("0 0 * * *") == Schedule.parse(" 0 0 * * * ")
    assert Schedule.parse("0 0 * * *") != Schedule.parse("0 0 * * *", "Europe/Berlin")
    assert len({Schedule.parse("0 0 * * *"), Schedule.parse("0 0 * * *")}) == 1


def test_latest_in_is_the_one_time_a_process_that_was_down_makes_up_for() -> None:
    """Down over three midnights: the last one counts, once; the interval is open at its start and closed at its end."""
    schedule = Schedule.parse("0 0 * * *", "Europe/Berlin")
    midnight = ms("2024-05-04T00:00", "Europe/Berlin")
    assert schedule.latest_in(ms("2024-05-01T12:00"), ms("2024-05-04T12:00")) == midnight
    assert schedule.latest_in(midnight - 1, midnight) == midnight
    assert schedule.latest_in(midnight, midnight + DAY - 1) is None
    assert schedule.latest_in(midnight, midnight) is None
    assert schedule.latest_in(midnight + 1, midnight) is None
    assert schedule.latest_in(midnight - DAY, midnight - 1) is None


def test_latest_in_of_a_gap_of_years_takes_no_steps_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a schedule of every minute and a gap of 50 years, two days at most are looked at."""
    schedule = Schedule.parse("* * * * *", "Europe/Berlin")
    looked_at: list[object] = []
    real = Schedule._times

    def counting(self: Schedule, day: object) -> object:
        looked_at.append(day)
        return real(self, day)  # type: ignore[arg-type]

    monkeypatch.setattr(Schedule, "_times", counting)
    upto = ms("2024-05-04T12:34:56")
    assert schedule.latest_in(0, upto) == ms("2024-05-04T12:34")
    assert schedule.latest_in(-(10**18), upto) == ms("2024-05-04T12:34")
    assert len(looked_at) <= 6


def test_the_end_of_the_calendar_is_an_error_of_ours() -> None:
    """A time without a successor gives a ScheduleError, not an OverflowError."""
    with pytest.raises(ScheduleError, match="the calendar ends"):
        Schedule.parse("0 0 29 2 *").next_after(ms("9999-12-01T00:00"))
    with pytest.raises(ScheduleError, match="the calendar ends"):
        Schedule.parse("* * * * *").next_after(10**18)


# --- when clocks change -----------------------------------------------------------------------------------------------

# Zone, year, and the local days whose midnight is skipped or comes twice.
MIDNIGHT_CHANGES = [
    ("America/Havana", 2024, ["2024-03-10", "2024-11-03"]),
    ("Asia/Beirut", 2024, ["2024-03-31", "2024-10-26"]),
    ("Africa/Cairo", 2024, ["2024-04-26", "2024-10-31"]),
    ("America/Santiago", 2024, ["2024-04-06", "2024-09-08"]),
    ("America/Asuncion", 2023, ["2023-03-25", "2023-10-01"]),
    ("America/St_Johns", 2010, ["2010-03-14", "2010-11-06"]),
    ("America/Nuuk", 2024, ["2024-03-30", "2024-10-26"]),
    ("Asia/Amman", 2021, ["2021-03-26", "2021-10-29"]),
    ("Europe/Berlin", 2024, ["2024-03-31", "2024-10-27"]),
    ("Australia/Lord_Howe", 2024, ["2024-04-07", "2024-10-06"]),
]


@pytest.mark.parametrize(("zone", "year", "changes"), MIDNIGHT_CHANGES)
@pytest.mark.parametrize("cron", ["0 0 * * *", "30 2 * * *", "30 23 * * *", "30 0 * * *", "59 1 * * *"])
def test_a_daily_job_runs_once_each_local_day_of_a_year(zone: str, year: int, changes: list[str], cron: str) -> None:
    """Midnights and half hours that are skipped or come twice: 365 or 366 runs, all at least 22 hours apart."""
    schedule = Schedule.parse(cron, zone)
    after, upto = ms(f"{year}-01-01T00:00", zone) - 1, ms(f"{year + 1}-01-01T00:00", zone) - 1
    times = forwards(schedule, after, upto)
    assert len(times) == (366 if year % 4 == 0 else 365)
    assert all(22 * HOUR <= b - a <= 26 * HOUR for a, b in itertools.pairwise(times))
    assert backwards(schedule, after, upto) == times
    gap_moves_a_run_to_the_next_day = zone == "America/Nuuk" and cron == "30 23 * * *"
    if not gap_moves_a_run_to_the_next_day:
        assert len({local(time, zone)[:10] for time in times}) == len(times)
        assert all(day in {local(time, zone)[:10] for time in times} for day in changes)


@pytest.mark.parametrize(
    ("zone", "cron", "day", "expected"),
    [
        ("Europe/Berlin", "30 2 * * *", "2024-03-31", ["03:00+0200"]),
        ("Europe/Berlin", "30 2 * * *", "2024-10-27", ["02:30+0200"]),
        ("Europe/Berlin", "30 2,3 * * *", "2024-03-31", ["03:00+0200", "03:30+0200"]),
        ("Europe/Berlin", "0 2,3 * * *", "2024-03-31", ["03:00+0200"]),
        ("Europe/Berlin", "0,30 2 * * *", "2024-03-31", ["03:00+0200"]),
        ("Europe/Berlin", "*/30 2 * * *", "2024-03-31", []),
        ("Europe/Berlin", "*/30 2 * * *", "2024-10-27", ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]),
        ("Europe/Berlin", "30 */2 * * *", "2024-03-31", [f"{h:02}:30+0{1 + (h > 2)}00" for h in (0, *range(4, 24, 2))]),
        ("America/Havana", "0 0 * * *", "2024-03-10", ["01:00-0400"]),
        ("America/Havana", "0 0 * * *", "2024-11-03", ["00:00-0400"]),
        ("Asia/Beirut", "0 0 * * *", "2024-03-31", ["01:00+0300"]),
        ("Asia/Beirut", "0 */6 * * SUN", "2024-03-31", ["06:00+0300", "12:00+0300", "18:00+0300"]),
        ("America/Santiago", "*/30 23 * * *", "2024-04-06", ["23:00-0300", "23:30-0300", "23:00-0400", "23:30-0400"]),
        ("Australia/Lord_Howe", "*/20 5 * * *", "2024-10-06", ["05:00+1100", "05:20+1100", "05:40+1100"]),
        ("America/St_Johns", "*/30 0 * * *", "2010-11-07", ["00:00-0230", "00:00-0330", "00:30-0330"]),
    ],
)
def test_the_day_of_a_change(zone: str, cron: str, day: str, expected: list[str]) -> None:
    """Fixed times run once, at the end of the gap or in the first pass; repeating ones follow what clocks show."""
    schedule = Schedule.parse(cron, zone)
    after, upto = ms(f"{day}T00:00", zone) - 1 - 2 * HOUR, ms(f"{day}T00:00", zone) + 27 * HOUR
    times = [local(time, zone) for time in forwards(schedule, after, upto)]
    assert [time[11:] for time in times if time.startswith(day)] == expected


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [("Europe/Berlin", "2024-03-31", 23), ("Europe/Berlin", "2024-10-27", 25), ("America/Havana", "2024-11-03", 25)],
)
def test_an_hourly_job_follows_real_time(zone: str, day: str, hours: int) -> None:
    """`0 * * * *` runs every 60 minutes, 23 or 25 times on the day of a change."""
    times = forwards(Schedule.parse("0 * * * *", zone), ms(f"{day}T00:00", zone) - 1, ms(f"{day}T23:59", zone))
    assert len(times) == hours
    assert {b - a for a, b in itertools.pairwise(times)} == {HOUR}


def test_a_day_that_a_zone_left_out_runs_with_the_next() -> None:
    """Samoa had no 30 December 2011: that midnight is the same moment as the next day's, and runs once."""
    times = forwards(Schedule.parse("0 0 * * *", "Pacific/Apia"), ms("2011-12-28T12:00"), ms("2012-01-01T12:00"))
    shown = [local(time, "Pacific/Apia") for time in times]
    assert shown == ["2011-12-29 00:00-1000", "2011-12-31 00:00+1400", "2012-01-01 00:00+1400", "2012-01-02 00:00+1400"]


def test_from_within_an_hour_that_comes_twice_the_next_time_is_never_in_the_past() -> None:
    """Begun at 02:15 in the second pass, cronsim says 02:30 of the first, which is over; we say tomorrow."""
    zone = ZoneInfo("Europe/Berlin")
    second_pass = datetime(2024, 10, 27, 2, 15, tzinfo=zone, fold=1)
    assert next(CronSim("30 2 * * *", second_pass)).astimezone(UTC) < second_pass.astimezone(UTC)
    now = round(second_pass.timestamp() * 1000)
    schedule = Schedule.parse("30 2 * * *", "Europe/Berlin")
    assert schedule.next_after(now) == ms("2024-10-28T02:30", "Europe/Berlin")
    assert schedule.latest_in(now - DAY, now) == ms("2024-10-27T02:30+02:00")


def test_a_clock_put_back_over_midnight_goes_on_with_the_day_before() -> None:
    """In Newfoundland 00:01 on Sunday became 23:01 on Saturday: Saturday's times then come after Sunday's midnight."""
    schedule = Schedule.parse("*/30 23 * * SAT", "America/St_Johns")
    sunday, saturday_again = ms("2010-11-07T00:00:30-02:30"), ms("2010-11-06T23:30-03:30")
    assert schedule.next_after(sunday) == saturday_again
    assert schedule.latest_in(sunday, sunday + 3 * HOUR) == saturday_again


CRONS = st.sampled_from(
    [
        "0 0 * * *",
        "30 2 * * *",
        "*/20 * * * *",
        "15 */3 * * *",
        "0,30 0-3 * * *",
        "*/30 0,1,2,23 * * *",
        "10 1-2,22-23 * * SAT,SUN",
        "*/40 0 * * SUN",
        "45 23 30,31,1 * *",
        "0 */6 * * SAT",
        "* 2 * * *",
        "0 0 1 * MON",
    ]
)
CHANGES = [
    (zone, ms(f"{day}T12:00", zone)) for zone, _, days in MIDNIGHT_CHANGES for day in days
] + [("Pacific/Apia", ms("2011-12-31T12:00", "Pacific/Apia")), ("UTC", ms("2024-02-29T00:00"))]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(CRONS, st.sampled_from(CHANGES), st.integers(-2 * DAY, DAY), st.integers(0, 2 * DAY))
@example("*/30 0,1,2,23 * * *", ("America/St_Johns", ms("2010-11-07T12:00")), -DAY, DAY)
def test_forwards_and_backwards_agree_with_looking_at_every_minute(
    cron: str, change: tuple[str, int], start: int, length: int
) -> None:
    """Around changes of clocks, `next_after` and `latest_in` give exactly the times that the stated rule gives."""
    zone, near = change
    schedule = Schedule.parse(cron, zone)
    after, upto = near + start, near + start + length
    expected = brute_force(cron, zone, after, upto)
    assert forwards(schedule, after, upto) == expected
    assert backwards(schedule, after, upto) == expected
    assert schedule.latest_in(after, upto) == (expected[-1] if expected else None)


@pytest.mark.parametrize("cron", ["30 2 * * *", "7 */5 * * *", "0 12 1,15 * MON", "0,30 1-3 L * *", "5 4 * * 5L"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_a_year_is_that_of_cronsim(cron: str, zone: str) -> None:
    """Read forwards from a quiet moment, in zones that change at night, all is as in cronsim."""
    start = datetime(2024, 1, 1, tzinfo=ZoneInfo(zone))
    end = round((start + timedelta(days=365)).timestamp() * 1000)
    theirs = itertools.takewhile(lambda t: t <= end, (round(t.timestamp() * 1000) for t in CronSim(cron, start)))
    assert forwards(Schedule.parse(cron, zone), round(start.timestamp() * 1000), end) == list(theirs)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "advice"),
    [
        ("", "the schedule is empty"),
        ("   ", "the schedule is empty"),
        ("0 0 * *", "has 4 fields, and five are needed: minute, hour, day of the month, month, day of the week"),
        ("midnight", "has 1 field, and five are needed"),
        ("0 0 0 * * *", "seconds are not supported, minutes are the finest; write five, perhaps `0 0 * * *`"),
        ("0 0 0 1 1 * 2024", "has 7 fields"),
        ("0 24 * * *", "the hour `24` is out of range 0-23; midnight is hour 0: write `0 0 * * *`"),
        ("*/5 24 * * 1", "write `*/5 0 * * 1`"),
        ("0 0-24 * * *", "the hour `0-24` is out of range 0-23"),
        ("61 * * * *", "the minute `61` is out of range 0-59"),
        ("60/5 * * * *", "the minute `60/5` is out of range 0-59"),
        ("0 0 0 * *", "the day of the month `0` is out of range 1-31"),
        ("0 0 32 * *", "out of range 1-31"),
        ("0 0 * 13 *", "the month `13` is out of range 1-12"),
        ("0 0 * * 8", "the day of the week `8` is out of range 0-7"),
        ("0 0 * * MONDAY", "write MON for MONDAY"),
        ("0 0 * january *", "write JAN for january"),
        ("0 0 * * MO", "holds `MO`: known names are SUN, MON"),
        ("a * * * *", "holds `a`: it takes numbers"),
        ("0 0 15W * *", "holds `W`"),
        ("0 0 ? * MON", "holds `?`: write `*` for any"),
        ("0 22-2 * * *", "runs backwards: write 22-23,0-2"),
        ("0 0 * * FRI-SUN", "runs backwards: write 5-7"),
        ("0 0 * NOV-FEB *", "runs backwards: write 11-12,1-2"),
        ("*/0 * * * *", "a step of 0"),
        ("*/90 * * * *", "the step 90 in the minute `*/90` is longer than all of 0 to 59"),
        ("-1 * * * *", "is not understood"),
        ("1,,2 * * * *", "is not understood"),
        ("0 9-17/² * * *", "is not understood"),
        ("0 0 * * 5#9", "is not understood"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 2,4,6,9,11 *", "never comes"),
        ("0 0 31 4 */2", "never comes"),
        ("0 0 */15 * MON#2", "never comes"),
        ("@reboot", "known macros are `@yearly`"),
        ("@daily 5", "known macros are"),
        ("0 " * 200, "is the limit"),
        ("0 0 " + "9" * 150 + " * *", "out of range 1-31"),
    ],
)
def test_a_wrong_cron_expression_is_refused_with_advice(cron: str, advice: str) -> None:
    """Each mistake is named by its field, with what to write instead."""
    with pytest.raises(ScheduleError) as caught:
        Schedule.parse(cron)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("zone", "advice"),
    [
        ("Europe/Berln", "did you mean `Europe/Berlin`"),
        ("europe/berlin", "did you mean `Europe/Berlin`?"),
        ("Berlin", "did you mean `Europe/Berlin`?"),
        ("New York", "did you mean `America/New_York`?"),
        ("Asia/Calcuta", "did you mean `Asia/Calcutta`"),
        ("Europe", "unknown time zone `Europe`"),
        ("", "write an IANA name, such as `Europe/Berlin` or `UTC`"),
        ("Mars/Phobos_Base", "write an IANA name"),
        ("../../etc/passwd", "write an IANA name"),
        ("/etc/passwd", "write an IANA name"),
        ("UTC\x00", "unknown time zone"),
        ("localtime", "write an IANA name"),
    ],
)
def test_an_unknown_time_zone_is_refused_with_the_nearest(zone: str, advice: str) -> None:
    """Misspelt names, cities alone, folders, paths and the machine's own zone are refused, with what was meant."""
    with pytest.raises(ScheduleError) as caught:
        Schedule.parse("0 0 * * *", zone)
    assert advice in str(caught.value)


@given(st.lists(st.text("0123456789*/,-#LWMONJAFEB? ", min_size=1, max_size=5), min_size=1, max_size=7).map(" ".join))
@settings(deadline=None)
@example("0 0 1L/2 * *")
@example("0 0 * * 1L/2")
@example("0 0 * * 1#1/2")
@example("0 0 L-5 * *")
@example("L/0 * * * *")
def test_any_text_gives_a_schedule_or_a_schedule_error(text: str) -> None:
    """No cron text raises anything else; a schedule that is accepted comes."""
    try:
        schedule = Schedule.parse(text, "Europe/Berlin")
    except ScheduleError:
        return
    now = ms("2024-05-01T00:00")
    assert schedule.latest_in(now, schedule.next_after(now)) == schedule.next_after(now)
