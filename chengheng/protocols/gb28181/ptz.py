"""PTZ and preset commands: the 8 bytes of Annex A.3 as 16 hexadecimal digits.

A5, version and check, address, command, data 1, data 2, data 3 with address, sum of bytes 1 to 7 modulo 256.
"""

from __future__ import annotations

from dataclasses import dataclass

PRESET = {"set": 0x81, "call": 0x82, "delete": 0x83}
CRUISE = {"add": 0x84, "delete": 0x85, "speed": 0x86, "stay": 0x87, "start": 0x88}
SCAN = {"scan": 0x89, "speed": 0x8A}
AUXILIARY = {"on": 0x8C, "off": 0x8D}


class PtzError(ValueError):
    """No PTZ command, or one with a wrong sum."""


def encode(command: int, data1: int = 0, data2: int = 0, data3: int = 0, address: int = 0) -> str:
    """The 16 digits; `data3` is 4 bits, `address` 12 bits."""
    if not (0 <= command < 256 and 0 <= data1 < 256 and 0 <= data2 < 256 and 0 <= data3 < 16 and 0 <= address < 4096):
        raise PtzError("a value does not fit its bits")
    parts = [0xA5, 0x0F, address & 0xFF, command, data1, data2, data3 << 4 | address >> 8]
    return bytes([*parts, sum(parts) % 256]).hex().upper()


@dataclass(frozen=True)
class Move:
    """A movement: `pan` < 0 left, `tilt` < 0 down, `zoom` < 0 wide; speeds −255…255, zoom −15…15; all 0 stops."""

    pan: int = 0
    tilt: int = 0
    zoom: int = 0

    def encode(self) -> str:
        command = (
            (self.pan > 0) | (self.pan < 0) << 1 | (self.tilt < 0) << 2 | (self.tilt > 0) << 3
            | (self.zoom > 0) << 4 | (self.zoom < 0) << 5
        )  # fmt: skip
        return encode(command, abs(self.pan), abs(self.tilt), abs(self.zoom))


@dataclass(frozen=True)
class Lens:
    """Focus (`focus` < 0 near, > 0 far) and iris (< 0 close, > 0 open), speeds 0…255; all 0 stops."""

    focus: int = 0
    iris: int = 0

    def encode(self) -> str:
        command = 0x40 | (self.focus > 0) | (self.focus < 0) << 1 | (self.iris > 0) << 2 | (self.iris < 0) << 3
        return encode(command, abs(self.focus), abs(self.iris))


@dataclass(frozen=True)
class PresetAct:
    """`act`: set, call or delete; numbers 1…255."""

    act: str
    number: int

    def encode(self) -> str:
        if not 1 <= self.number <= 255:
            raise PtzError("preset numbers are 1 to 255")
        return encode(PRESET[self.act], 0, self.number)


@dataclass(frozen=True)
class Other:
    """Cruise, scan, auxiliary or unknown: the raw command and its data."""

    command: int
    data1: int
    data2: int
    data3: int


def decode(text: str) -> Move | Lens | PresetAct | Other:
    """16 digits to what they ask for. PtzError when they are no command."""
    text = text.strip()
    try:
        parts = bytes.fromhex(text)
    except ValueError as error:
        raise PtzError("no hexadecimal digits") from error
    if len(parts) != 8 or parts[0] != 0xA5:
        raise PtzError("eight bytes from A5 are needed")
    if sum(parts[:7]) % 256 != parts[7]:
        raise PtzError("the sum is wrong")
    command, data1, data2, data3 = parts[3], parts[4], parts[5], parts[6] >> 4
    if command < 0x40:
        pan = data1 if command & 1 else -data1 if command & 2 else 0
        tilt = data2 if command & 8 else -data2 if command & 4 else 0
        zoom = data3 if command & 16 else -data3 if command & 32 else 0
        return Move(pan, tilt, zoom)
    if command < 0x50:
        if command & 3 and not command & 12:
            data1 = data1 or data2  # some platforms put the focus speed into the iris byte
        focus = data1 if command & 1 else -data1 if command & 2 else 0
        iris = data2 if command & 4 else -data2 if command & 8 else 0
        return Lens(focus, iris)
    for act, code in PRESET.items():
        if command == code and data2:
            return PresetAct(act, data2)
    return Other(command, data1, data2, data3)
