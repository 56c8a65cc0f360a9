"""The loop behind arithmetic: a small program of vector operations, run block by block.

A block of each intermediate result stays in the processor's cache, so that an expression over big arrays
reads its operands once and writes its results once, whatever it is made of. The program is data: no
expression needs a compiler. Compiled code is cached on disk by Numba.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from gumtree_core.data.expressions import compiling
from gumtree_core.data.expressions.opcodes import (
    ADD,
    BLOCK,
    CAST_I2,
    CAST_I4,
    CAST_I8,
    CAST_U2,
    CAST_U4,
    CAST_U8,
    CHECK,
    COPY,
    DIV,
    INV,
    LINE,
    MUL,
    NEG,
    NEGMUL,
    OUT,
    SQ,
    SQADD,
    SQMUL,
    SQRT,
    STREAMED,
    SUB,
)

compiling.watch()


@intrinsic
def _pointer(typing: Any, address: Any, of: Any) -> Any:
    """Make a pointer of an address; `of` is an example of what it points to."""
    pointer = types.CPointer(of)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(address, of), generate


@intrinsic
def _store_line(typing: Any, target: Any, source: Any) -> Any:
    """Copy 64 bytes past the cache, to an address that is a multiple of 64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line = ir.VectorType(ir.DoubleType(), LINE).as_pointer()
        to, origin = (builder.inttoptr(address, line) for address in arguments)
        store = builder.store(builder.load(origin, align=8), to, align=8 * LINE)
        store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.void(target, source), generate


@intrinsic
def prefetch_line(typing: Any, address: Any) -> Any:
    """Have 64 bytes brought to the cache; any address may be named."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        place = builder.inttoptr(arguments[0], byte)
        builder.call(prefetch, [place, number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(address), generate


@intrinsic
def _fence(typing: Any) -> Any:
    """Have all that was stored past the cache be seen by other threads."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@numba.njit(inline="always", error_model="numpy")
def floats(address, n):
    """The array of n numbers at an address."""
    return numba.carray(_pointer(address, 0.0), n)


@numba.njit(error_model="numpy")
def _stream(target, source, n):
    """Copy n numbers past the cache: memory is not read before it is written."""
    done = 0
    if target % (8 * LINE) == 0:
        done = n - n % LINE
        for at in range(0, 8 * done, 8 * LINE):
            _store_line(target + at, source + at)
    for i in range(done, n):
        floats(target, n)[i] = floats(source, n)[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def run_range(
    program, bases, steps, periods, blocks, constant_blocks, constants, one_out, other_out, start, stop
):
    """Run the program on elements start .. stop - 1; False where a CHECK found a number that is not finite.

    program
        (k, 4) int64: operation, place of the result, of the first and of the second operand.
    bases, steps
        (places,) int64: address of each place, and the bytes by which it advances for each element. In place
        of an address stand the number of a block of scratch memory, whose step is 0, or `OUT` and `OUT - 1`
        for the two results.
    periods
        (places,) int64: elements after which an operand of fewer dimensions begins again, or 0. (0,) where
        none does.
    blocks
        Number of blocks.
    constant_blocks, constants
        (n,): blocks that hold a number throughout, and which.
    one_out, other_out
        (size,) float64 results.
    """
    finite = True
    scratch = np.empty((blocks + 3, BLOCK))
    for k in range(constants.size):
        scratch[constant_blocks[k]] = constants[k]
    first_block = scratch.ctypes.data
    outs = one_out.ctypes.data, other_out.ctypes.data
    # Results that the cache cannot hold are made in it, and stored past it.
    streaming = stop - start >= STREAMED
    work = np.empty(bases.size, np.int64)
    advance = steps.copy()
    for place in range(bases.size):
        base = bases[place]
        if OUT - 1 <= base <= OUT:
            base = outs[OUT - base]
            if streaming:
                base = first_block + (blocks + OUT - bases[place]) * BLOCK * 8
                advance[place] = 0
        elif base < 4096:
            base = first_block + base * BLOCK * 8
        work[place] = base
    now = np.empty(bases.size, np.int64)
    at = start
    while at < stop:
        n = min(BLOCK, stop - at)
        for place in range(bases.size):
            begin = at
            if periods.size and periods[place]:
                begin = at % periods[place]
                n = min(n, periods[place] - begin)
            now[place] = work[place] + advance[place] * begin
        for k in range(program.shape[0]):
            if streaming:  # while we calculate, the next block comes
                for place in range(k, bases.size, program.shape[0]):
                    for ahead in range(advance[place] * n, 2 * advance[place] * n, 8 * LINE):
                        prefetch_line(now[place] + ahead)
            operation = program[k, 0]
            out = floats(now[program[k, 1]], n)
            one = now[program[k, 2]]
            a = floats(one, n)
            b = floats(now[program[k, 3]], n)
            if operation == ADD:
                for i in range(n):
                    out[i] = a[i] + b[i]
            elif operation == SUB:
                for i in range(n):
                    out[i] = a[i] - b[i]
            elif operation == MUL:
                for i in range(n):
                    out[i] = a[i] * b[i]
            elif operation == DIV:
                for i in range(n):
                    out[i] = a[i] / b[i]
            elif operation == SQMUL:
                for i in range(n):
                    out[i] = a[i] * (b[i] * b[i])
            elif operation == SQADD:
                for i in range(n):
                    out[i] += a[i] * (b[i] * b[i])
            elif operation == NEGMUL:
                for i in range(n):
                    out[i] = -(a[i] * b[i])
            elif operation == INV:
                for i in range(n):
                    out[i] = 1.0 / a[i]
            elif operation == NEG:
                for i in range(n):
                    out[i] = -a[i]
            elif operation == COPY:
                for i in range(n):
                    out[i] = a[i]
            elif operation == SQ:
                for i in range(n):
                    out[i] = a[i] * a[i]
            elif operation == SQRT:
                for i in range(n):
                    out[i] = np.sqrt(a[i])
            elif operation == CHECK:
                bad = 0
                for i in range(n):
                    bad += not abs(a[i]) < np.inf
                if bad:
                    finite = False
            elif operation == CAST_U4:
                narrow = numba.carray(_pointer(one, np.uint32(0)), n)
                for i in range(n):
                    out[i] = narrow[i]
            elif operation == CAST_I4:
                narrow = numba.carray(_pointer(one, np.int32(0)), n)
                for i in range(n):
                    out[i] = narrow[i]
            elif operation == CAST_I8:
                narrow = numba.carray(_pointer(one, np.int64(0)), n)
                for i in range(n):
                    out[i] = narrow[i]
            elif operation == CAST_U8:
                narrow = numba.carray(_pointer(one, np.uint64(0)), n)
                for i in range(n):
                    out[i] = narrow[i]
            elif operation == CAST_U2:
                narrow = numba.carray(_pointer(one, np.uint16(0)), n)
                for i in range(n):
                    out[i] = narrow[i]
            elif operation == CAST_I2:
                narrow = numba.carray(_pointer(one, np.int16(0)), n)
                for i in range(n):
                    out[i] = narrow[i]
        if streaming:
            _stream(outs[0] + 8 * at, first_block + blocks * BLOCK * 8, min(n, one_out.size))
            _stream(outs[1] + 8 * at, first_block + (blocks + 1) * BLOCK * 8, min(n, other_out.size))
        at += n
    if streaming:
        _fence()
    scratch[blocks + 2, 0] = 0.0  # Numba frees an array after its last use, and an address is none
    return finite


@numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def run_parallel(
    threads,
    program,
    bases,
    steps,
    periods,
    blocks,
    constant_blocks,
    constants,
    one_out,
    other_out,
    start,
    stop,
):
    """Run the program on all elements, a part in each thread; as `run_range`."""
    length = ((stop - start) // threads // BLOCK + 1) * BLOCK
    bad = 0
    for part in numba.prange(threads):
        low, high = start + part * length, min(stop, start + (part + 1) * length)
        if low < high and not run_range(
            program, bases, steps, periods, blocks, constant_blocks, constants, one_out, other_out, low, high
        ):
            bad += 1
    return bad == 0


@numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def sum_middle(array, parts, width, out):
    """Sum (outer, summed, inner) over its middle dimension into (parts, outer, inner), in so many parts.

    `width` elements of a row are summed at a time, so that their sums stay in the cache.
    """
    outer, summed, inner = array.shape
    columns = -(-inner // width)
    length = -(-summed // parts)
    for task in numba.prange(parts * outer * columns):
        part, rest = task // (outer * columns), task % (outer * columns)
        a, low = rest // columns, rest % columns * width
        total = out[part, a, low : min(inner, low + width)]
        total[:] = 0.0
        at, stop = part * length, min(summed, (part + 1) * length)
        while at + 8 <= stop:  # eight rows at a time: the sums are read and written less often
            rows = array[a, at : at + 8, low : min(inner, low + width)]
            for i in range(total.size):
                total[i] += (
                    rows[0, i] + rows[1, i] + rows[2, i] + rows[3, i]
                    + rows[4, i] + rows[5, i] + rows[6, i] + rows[7, i]
                )  # fmt: skip
            at += 8
        while at < stop:
            row = array[a, at, low : min(inner, low + width)]
            for i in range(total.size):
                total[i] += row[i]
            at += 1
