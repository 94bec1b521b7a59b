"""A synthetic register and its synthetic truth: roads inside the districts, months of checks made through the acts.

Used by the demonstration (small) and by benchmarks and slow tests (a whole year). All roads, names and grams are invented.
"""

from __future__ import annotations

import hashlib
import io
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from chengheng.cleanliness import actions
from chengheng.cleanliness.actions.checking import Photo, Reading
from chengheng.cleanliness.models import Check, Plan, PlanItem
from chengheng.common import files
from chengheng.common.people.access import SYSTEM
from chengheng.common.people.models import User

CLASSES = (("trunk", 1), ("trunk", 2), ("secondary", 2), ("secondary", 3), ("branch", 3), ("branch", 4))
_NAMES = "和平 解放 建设 友谊 新华 光明 长江 黄河 海河 津塘 卫津 南开 红旗 东风 迎水 紫金 昆仑 泰山 华山 嵩山"
_KINDS = {"trunk": "大道", "secondary": "道", "branch": "路", "expressway": "快速路"}
LEVEL = {1: 4.2, 2: 5.2, 3: 6.4, 4: 8.0}
"""Typical g/m² by grade in the synthetic truth; invented."""


def register(
    points_in: Callable[[str, int], Sequence[tuple[float, float]]], districts: Sequence[str], count: int,
    chance: random.Random, contractors: Sequence[Any] = (),
) -> list[dict[str, Any]]:  # fmt: skip
    """`count` roads spread evenly over the districts; each is a bent line whose middle lies inside its district."""
    names = _NAMES.split()
    rows = []
    for index, district in enumerate(districts):
        share = count // len(districts) + (index < count % len(districts))
        for number, (lon, lat) in enumerate(points_in(district, share)):
            road_class, grade = CLASSES[(number * 7 + index) % len(CLASSES)]
            length, turn = chance.uniform(400, 1800), chance.uniform(0, math.pi)
            dx = length / 2 / 111_195 / math.cos(math.radians(lat)) * math.cos(turn)
            dy = length / 2 / 111_195 * math.sin(turn)
            rows.append(
                {
                    "code": f"{district}-{number + 1:04}",
                    "name": f"{names[(number + index * 3) % len(names)]}{number // len(names) + 1 or ''}{_KINDS[road_class]}"
                    "（演示）",
                    "district_code": district, "grade": grade, "road_class": road_class,
                    "zone": "inner" if index < 6 else "outer",
                    "lanes": ["fast", "slow", "pavement"] if road_class != "branch" else ["slow", "pavement"],
                    "line": [[round(lon - dx, 6), round(lat - dy, 6)], [round(lon, 6), round(lat, 6)],
                             [round(lon + dx, 6), round(lat + dy, 6)]],
                    "contractor": contractors[number % len(contractors)] if contractors else None,
                }
            )  # fmt: skip
    return rows


@dataclass
class Truth:
    """What a road really carries, and what a point of it shows. Log-normal between roads and between points."""

    seed: int = 2024
    between: float = 0.30
    within: float = 0.25

    def road(self, district: str, grade: int, code: str) -> float:
        chance = random.Random(f"{self.seed}|{code}")  # noqa: S311 - synthetic, not secret
        shift = random.Random(f"{self.seed}|{district}").uniform(-0.15, 0.15)  # noqa: S311
        return LEVEL[grade] * math.exp(shift + chance.gauss(0, self.between))

    def mean(self, rows: Iterable[Mapping[str, Any]]) -> float:
        """The mean over these roads of the register of what a point is expected to show."""
        values = [
            self.road(row["district_code"], row["grade"], row["code"])
            * sum(1.6 if lane == "pavement" else 1.0 for lane in row["lanes"]) / len(row["lanes"])
            for row in rows
        ]  # fmt: skip
        return math.fsum(values) / len(values)

    def point(self, road: float, lane: str, chance: random.Random) -> float:
        more = 1.6 if lane == "pavement" else 1.0
        return road * more * math.exp(chance.gauss(-(self.within**2) / 2, self.within))


def check_road(
    item: PlanItem, inspector: User, witness: User, truth: Truth, chance: random.Random, minute: int = 0,
    scale: str = "DEMO-1", drawn: bool = False,
) -> Check:  # fmt: skip
    """One planned check with all its points, weighed on the road by a scale that reads by itself, and signed.

    `drawn`: with pictures, each of which says that it is drawn.
    """
    road = item.road
    start = timezone.make_aware(datetime.combine(item.day, time(9))) + timedelta(minutes=minute)
    real = truth.road(road.district_code, road.grade, road.code)
    area = Decimal("0.24")
    points = []
    shots: list[tuple[bytes, str]] = []
    for point in item.points:
        net = Decimal(str(round(truth.point(real, point["lane"], chance) * float(area), 1)))
        bag, taken = f"S{item.pk}-{point['number']}", start + timedelta(minutes=2 * point["number"])
        gross = Decimal("8.5") + net
        own = (
            pictures_of(point["lane"], float(net), f"{gross} g", taken, f"{item.pk} {point['number']}") if drawn else {}
        )
        shots += [(content, f"{point['number']}-{kind}.jpg") for kind, content in own.items()]
        hashes = {kind: hashlib.sha256(content).hexdigest() for kind, content in own.items()}
        points.append(
            actions.Sampled(
                number=point["number"], lon=point["lon"], lat=point["lat"], taken_at=taken, bag=bag,
                photos=[Photo(kind, sha256, taken) for kind, sha256 in hashes.items()],
                reading=Reading(bag, scale, gross, Decimal("8.5"), "serial"),
            )
        )  # fmt: skip
    files.store_many(shots)
    done = start + timedelta(minutes=2 * len(points) + 2)
    check = actions.submit_check(
        item, inspector, witness=witness, arrived_at=start, arrived=(road.line[1][0], road.line[1][1]), done_at=done,
        weather="clear", surface="dry", points=points, frame_area_m2=area, wind_ms=Decimal("2.1"),
        now=done + timedelta(minutes=5), photos_needed=drawn,
    )  # fmt: skip
    check = actions.sign_check(check, witness, now=done + timedelta(minutes=10))
    for odd in [p for p in check.points.all() if p.undecided]:
        actions.confirm_outlier(odd, SYSTEM, reason="演示：现场照片确认有遗撒", now=done + timedelta(minutes=20))
    return Check.objects.get(pk=check.pk)


Call = Callable[[str, str, Any], Any]
"""`call(method, address, body)`: one request of a signed-in person's phone; a list is photos; gives the answer's JSON."""
API = "/api/v1/cleanliness"
PHOTOS = ("before", "frame", "after")


def photo(number: int, taken: datetime) -> bytes:
    """A small picture of its own with the camera's time: blotches of grey, as different as ground from ground."""
    from PIL import Image

    out, exif = io.BytesIO(), Image.Exif()
    inner = exif.get_ifd(0x8769)
    inner[0x9003], inner[0x9011] = f"{timezone.localtime(taken):%Y:%m:%d %H:%M:%S}", "+08:00"
    ground = random.Random(number).randbytes(16 * 12)  # noqa: S311 - synthetic, not secret
    picture = Image.frombytes("L", (16, 12), ground).resize((320, 240), Image.Resampling.BILINEAR)
    picture.save(out, "JPEG", quality=75, exif=exif)
    return out.getvalue()


def pictures_of(lane: str, net_g: float, reading: str, taken: datetime, seed: str) -> dict[str, bytes]:
    """Drawn photos of a point by kind: the ground with its dust, the frame on it, the frame swept, the scale's reading."""
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    chance, size, box = random.Random(seed), (480, 360), (110, 90, 370, 285)  # noqa: S311 - drawn, not secret
    grain = Image.frombytes("L", (60, 45), chance.randbytes(60 * 45)).resize(size, Image.Resampling.BILINEAR)
    colours = ("#8d877c", "#c9c4ba") if lane == "pavement" else ("#56575b", "#9a9a9c")
    ground = ImageOps.colorize(grain, *colours)
    pen = ImageDraw.Draw(ground)
    if lane == "pavement":
        for at in range(0, 480, 80):
            pen.line((at, 0, at, 360), "#7d776c", 2)
            pen.line((0, at, 480, at), "#7d776c", 2)
    else:
        pen.polygon(((0, 26), (480, 6), (480, 22), (0, 42)), "#e4e2da")
    before = ground.copy()
    pen = ImageDraw.Draw(before)
    for _speck in range(int(40 + 80 * net_g)):
        x, y, r = chance.randrange(480), chance.randrange(46, 360), chance.randrange(1, 3)
        pen.ellipse((x - r, y - r, x + r, y + r), chance.choice(("#cbb892", "#b49c70", "#3f3a33")))
    frame, after = before.copy(), before.copy()
    after.paste(ground.crop(box), box)
    for framed in (frame, after):
        pen = ImageDraw.Draw(framed)
        pen.rectangle(box, outline="#f4f4f0", width=9)
        pen.rectangle(box, outline="#c0392b", width=2)
    scale = ground.copy()
    pen = ImageDraw.Draw(scale)
    pen.rounded_rectangle((70, 70, 410, 300), 18, "#2f3338", "#15171a", 4)
    pen.rounded_rectangle((100, 150, 380, 250), 8, "#b9c7a4")
    pen.text((366, 200), reading, "#1d2417", ImageFont.load_default(56), "rm")
    pen.ellipse((170, 84, 310, 136), "#d8d8d4", "#8b8b88", 3)
    exif, found = Image.Exif(), {}
    inner = exif.get_ifd(0x8769)
    inner[0x9003], inner[0x9011] = f"{timezone.localtime(taken):%Y:%m:%d %H:%M:%S}", "+08:00"
    said = Image.new("RGB", (480, 24), "#000000")
    told = f"DEMO DRAWING  {timezone.localtime(taken):%Y-%m-%d %H:%M}"
    ImageDraw.Draw(said).text((8, 12), told, "#ffffff", ImageFont.load_default(15), "lm")
    for kind, image in zip((*PHOTOS, "scale"), (before, frame, after, scale), strict=True):
        image.paste(said, (0, 336))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=65, exif=exif)
        found[kind] = out.getvalue()
    return found


def batched(shots: Sequence[bytes], most: int = 24, most_bytes: int = 2_000_000) -> Iterator[list[bytes]]:
    """Photos as the phone sends them: as many in a request as the centre takes and two megabytes hold."""
    part: list[bytes] = []
    for shot in shots:
        if part and (len(part) == most or sum(map(len, part)) + len(shot) > most_bytes):
            yield part
            part = []
        part.append(shot)
    if part:
        yield part


def check_by_phone(
    inspector: Call, witness: Call, item: dict[str, Any], truth: Truth, chance: random.Random, picture: Iterator[int],
    *, district: str, scale: str = "DEMO-1", wet: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """One planned check as a team's two phones hand it in: each point's photos, the check whole, the second signature.

    `item` is one entry of the inspector's day as the API gives it. Returns the check as the API gives it after signing;
    `wet`: the road is found wet, nothing is sampled, and the check as it was left out is returned.
    """
    start = timezone.make_aware(datetime.combine(date.fromisoformat(item["day"]), time(8)))
    start += timedelta(minutes=20 * (item["order"] % 30))
    real, area = truth.road(district, item["grade"], item["code"]), float(item["frame_area_m2"])
    at = {point["number"]: start + timedelta(minutes=2 * point["number"]) for point in ([] if wet else item["points"])}
    shots = [photo(next(picture), taken) for taken in at.values() for _kind in PHOTOS]
    stored = [one for part in batched(shots) for one in inspector("POST", f"{API}/photos", part)["photos"]]
    points = []
    for index, point in enumerate(item["points"] if at else []):
        taken = at[point["number"]].isoformat()
        bag, net = f"Q{item['id']}-{point['number']}", round(truth.point(real, point["lane"], chance) * area, 1)
        points.append(
            {
                "number": point["number"], "lon": point["lon"], "lat": point["lat"], "taken_at": taken, "bag": bag,
                "photos": [{"kind": kind, "sha256": one["sha256"], "taken_at": taken}
                           for kind, one in zip(PHOTOS, stored[index * len(PHOTOS):], strict=False)],
                "reading": {"bag": bag, "scale": scale, "gross_g": f"{8.5 + net:.1f}", "tare_g": "8.5", "source": "serial"},
            }
        )  # fmt: skip
    lon, lat = item["line"][len(item["line"]) // 2]
    body = {
        "client_id": str(UUID(int=chance.getrandbits(128))), "item": item["id"], "witness": item["mates"][0]["id"],
        "arrived_at": start.isoformat(), "arrived_lon": lon, "arrived_lat": lat, "accuracy_m": 6,
        "done_at": (start + timedelta(minutes=2 * len(points) + 2)).isoformat(), "weather": "rain" if wet else "clear",
        "surface": "wet" if wet else "dry", "wind_ms": "2.1", "frame_area_m2": item["frame_area_m2"], "points": points,
    }  # fmt: skip
    made = inspector("POST", f"{API}/checks", body)
    return made if wet else witness("POST", f"{API}/checks/{made['id']}/sign", None)


def run_month(
    planner: Any, people: dict[int, tuple[User, User]], month: int, size: int, truth: Truth, chance: random.Random,
    *, seed: str = "2024", milliseconds: int = 100, share: float = 1.0, scale: str = "DEMO-1", drawn: bool = False,
) -> Plan:  # fmt: skip
    """Draw, route and seal a month, then check (a share of) it. `people`: team → inspector and second person."""
    plan = actions.make_plan(planner, month=month, size=size, seed=seed)
    actions.route_plan(plan, planner, milliseconds=milliseconds)
    plan = actions.seal_plan(plan, planner)
    items = list(plan.items.select_related("road"))
    for item in items[: round(len(items) * share)]:
        inspector, witness = people[item.team_id or 0]
        check_road(item, inspector, witness, truth, chance, minute=(item.position % 20) * 20, scale=scale, drawn=drawn)
    return plan
