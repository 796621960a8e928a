"""What Python and NumPy raise where a file is not what it should be."""

from __future__ import annotations

import pickle
import struct
import tokenize
import zipfile
import zlib

# A reader that meets a flipped bit fails wherever that leads it: a count that fits no integer or no memory, a
# name that is none, a list in place of a number. All of these say one thing, that the file is damaged.
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RuntimeError,  # and of it RecursionError and NotImplementedError
    SyntaxError,
    ImportError,
    struct.error,
    tokenize.TokenError,  # of the header of an .npy file
    zlib.error,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
)
