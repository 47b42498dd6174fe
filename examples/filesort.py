#!/usr/bin/env python3
"""
Writes N megabytes of pseudo-random numbers to a file, reads them back, sorts
them in memory, writes them to a second file, and prints a checksum of what
that file holds: files and memory, and the answer is known.
"""
import array
import os
import sys

megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 16
count = megabytes * 1024 * 1024 // 4


def write(path, numbers):
    with open(path, 'wb') as file:
        numbers.tofile(file)


def read(path):
    numbers = array.array('I')
    with open(path, 'rb') as file:
        numbers.fromfile(file, os.path.getsize(path) // 4)
    return numbers


def generate():
    state = 1
    for _ in range(count):
        state = (state * 1664525 + 1013904223) & 0xffffffff
        yield state


write('unsorted.bin', array.array('I', generate()))
write('sorted.bin', array.array('I', sorted(read('unsorted.bin'))))

total = 0
for number in read('sorted.bin'):
    total = (total * 31 + number) & 0xffffffff

print(f'{megabytes} MB sorted, checksum {total:08x}')
