#!/usr/bin/env python3
"""resident_content.py DIRECTORY...: how many bytes of different content the page cache holds of the files of these trees.

Pages with the same bytes count once, wherever they are: less than this no sharing of pages can hold. Files on other file systems
below a directory are left out. Pages are only looked at where they are in memory (mincore(2)), and no read-ahead is caused."""

import ctypes
import hashlib
import os
import stat
import sys

PAGE = os.sysconf("SC_PAGE_SIZE")
PROT_READ, MAP_SHARED, MADV_RANDOM = 1, 1, 1

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def resident_pages(path, size):
    """The bytes of the pages of a file that are in memory, zeros after its end."""
    pages = (size + PAGE - 1) // PAGE
    fd = os.open(path, os.O_RDONLY)
    try:
        address = libc.mmap(None, pages * PAGE, PROT_READ, MAP_SHARED, fd, 0)
        if address == ctypes.c_void_p(-1).value:
            check(-1)
    finally:
        os.close(fd)
    try:
        check(libc.madvise(address, pages * PAGE, MADV_RANDOM))
        resident = ctypes.create_string_buffer(pages)
        check(libc.mincore(address, pages * PAGE, resident))
        for page, byte in enumerate(resident.raw):
            if byte & 1:
                yield ctypes.string_at(address + page * PAGE, PAGE)
    finally:
        check(libc.munmap(address, pages * PAGE))


def main():
    contents = set()
    for root in map(os.fsencode, sys.argv[1:]):
        device = os.lstat(root).st_dev
        for directory, directories, files in os.walk(root):
            directories[:] = [name for name in directories if os.lstat(os.path.join(directory, name)).st_dev == device]
            for name in files:
                path = os.path.join(directory, name)
                about = os.lstat(path)
                if stat.S_ISREG(about.st_mode) and about.st_size > 0:
                    for page in resident_pages(path, about.st_size):
                        contents.add(hashlib.blake2b(page, digest_size=16).digest())
    print(len(contents) * PAGE)


main()
