"""The operations that the kernel knows; apart from it, because importing Numba takes a third of a second.

Who changes a number here changes kernels.py too, if only its date: Numba's cache looks at that file alone.
"""

BLOCK = 256
"""Elements of a block: 2 kB in float64."""
LINE = 8
"""Numbers in a line of the cache."""
STREAMED = 1 << 19
"""Elements of a thread's part from which results are stored past the cache."""
OUT = -1
"""In place of an address: the first result; one less the second."""
DERIVATIVE = -3
"""The same of the first derivative; one less the second, and so on."""

(
    ADD,
    SUB,
    MUL,
    DIV,
    NEG,
    COPY,
    INV,
    NEGMUL,
    SQMUL,
    SQADD,
    SQ,
    SQRT,
    CHECK,
    CAST_I2,
    CAST_U2,
    CAST_I4,
    CAST_U4,
    CAST_I8,
    CAST_U8,
) = range(19)
"""Operations ``dst = f(a, b)``. NEGMUL -a b; SQMUL a b^2; SQADD adds a b^2; SQ a^2; CHECK: is a finite?

They give the same bits as NumPy: what has a choice of rounding, such as exp, is left to NumPy.
"""
