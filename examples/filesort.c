/*
 * Writes N megabytes of pseudo-random numbers to a file, reads them back,
 * sorts them in memory, writes them to a second file, and prints a checksum of
 * what that file holds: files and memory, and the answer is known.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Least significant byte first; after four passes the numbers are back in place. */
static void radix_sort (uint32_t *numbers, uint32_t *space, size_t count)
{
  for (int shift = 0; shift < 32; shift += 8) {
    size_t start[257] = { 0 };

    for (size_t i = 0; i < count; i++) {
      start[(numbers[i] >> shift & 255) + 1]++;
    }

    for (int byte = 0; byte < 256; byte++) {
      start[byte + 1] += start[byte];
    }

    for (size_t i = 0; i < count; i++) {
      space[start[numbers[i] >> shift & 255]++] = numbers[i];
    }

    uint32_t *other = numbers;
    numbers = space;
    space = other;
  }
}

static void transfer (const char *path, const char *mode, uint32_t *numbers, size_t count)
{
  FILE *file = fopen(path, mode);

  if (file == NULL ||
      (*mode == 'w' ? fwrite(numbers, 4, count, file) : fread(numbers, 4, count, file)) != count ||
      fclose(file) != 0) {
    perror(path);
    exit(1);
  }
}

int main (int argc, char **argv)
{
  unsigned long megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 16;
  size_t count = megabytes * 1024 * 1024 / 4;
  uint32_t *numbers = malloc(count * 4 + 4);
  uint32_t *space = malloc(count * 4 + 4);
  uint32_t state = 1;
  uint32_t sum = 0;

  if (numbers == NULL || space == NULL) {
    perror("malloc");
    return 1;
  }

  for (size_t i = 0; i < count; i++) {
    state = state * 1664525 + 1013904223;
    numbers[i] = state;
  }

  transfer("unsorted.bin", "w", numbers, count);
  transfer("unsorted.bin", "r", numbers, count);
  radix_sort(numbers, space, count);
  transfer("sorted.bin", "w", numbers, count);
  transfer("sorted.bin", "r", numbers, count);

  for (size_t i = 0; i < count; i++) {
    sum = sum * 31 + numbers[i];
  }

  printf("%lu MB sorted, checksum %08x\n", megabytes, sum);
  free(numbers);
  free(space);

  return 0;
}
