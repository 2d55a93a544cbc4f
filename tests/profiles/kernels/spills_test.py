"""The loops of the register tiles keep their sums in registers: `spills_test.py PROGRAM`, of a Release build.

Compilers that run out of registers store sums to memory and load them again in the innermost loop, at a third of the
speed and without a word. This also looks at tiles of instruction sets that this host does not run."""
import re
import subprocess
import sys

WORK = re.compile(r"\b(vfmadd|vpdpbusd|vdpbf16ps|vpmaddwd|tdpbusd|tdpbf16ps)")
STACK = re.compile(r"\bv?mov\w+\s.*\(%r[sb]p|\bvp?add\w+\s+\S*\(%r[sb]p")
SETS = {  # what the tiles of a precision multiply with, and a loop's fewest multiplications
    "vfmadd\\d+ps.*zmm": 24, "vfmadd\\d+ps.*ymm": 12, "vpdpbusd.*zmm": 24, "vpdpbusd.*ymm": 12,
    "vdpbf16ps.*zmm": 24, "vpmaddwd.*zmm": 24, "vpmaddwd.*ymm": 12, "tdpbusd": 1, "tdpbf16ps": 1,
}


def functions(program):
    """Name and instructions [(address, text)] of each function that multiplies tiles."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-C", program], check=True, capture_output=True, text=True).stdout
    for block in re.split(r"\n\n", text):
        head, _, body = block.strip().partition("\n")
        if "Tile<" not in head and "AmxProduct<" not in head:
            continue
        lines = re.findall(r"^\s*([0-9a-f]+):\s+(.*)$", body, re.M)
        yield head, [(int(address, 16), instruction) for address, instruction in lines]


def innermost_loops(instructions):
    """Runs of instructions that a jump back repeats, and that hold no other such run."""
    loops = []
    for at, (address, text) in enumerate(instructions):
        jump = re.match(r"j\w+\s+([0-9a-f]+)\b", text)
        if jump and int(jump.group(1), 16) <= address:
            first = next((i for i, (a, _) in enumerate(instructions) if a == int(jump.group(1), 16)), None)
            if first is not None:
                loops.append((first, at))
    return [[text for _, text in instructions[first:last + 1]] for first, last in loops
            if not any(first <= other[0] and other[1] <= last and other != (first, last) for other in loops)]


def main():
    seen, failures = set(), []
    for name, instructions in functions(sys.argv[1]):
        for loop in innermost_loops(instructions):
            work = [text for text in loop if WORK.search(text)]
            if not work:
                continue
            seen.update(pattern for pattern, least in SETS.items() if sum(bool(re.search(pattern, text)) for text in work) >= least)
            spills = [text for text in loop if STACK.search(text)]
            # Addresses may lie in memory; a sum is as long as a vector.
            spills = [text for text in spills if re.search(r"%[xyz]mm", text)]
            if spills:
                failures.append(f"{name}: {len(spills)} of {len(loop)} instructions of its loop go to memory, as {spills[0]}")
    missing = sorted(set(SETS) - seen)
    if missing:
        failures.append(f"{sys.argv[1]}: no whole tile was found of {', '.join(missing)}")
    print("\n".join(failures) or f"{len(seen)} kinds of tiles keep their sums in registers")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
