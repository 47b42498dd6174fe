/* Counts the words of a file, writes the most frequent ones to out/NAME.txt. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WORDS 4096
#define LONGEST 64
#define SHOWN 5

struct word {
  char text[LONGEST];
  unsigned long count;
};

static struct word words[WORDS];
static size_t known;

static void add (const char *text)
{
  for (size_t i = 0; i < known; i++) {
    if (strcmp(words[i].text, text) == 0) {
      words[i].count++;
      return;
    }
  }

  if (known < WORDS) {
    strcpy(words[known].text, text);
    words[known++].count = 1;
  }
}

static int more (const void *a, const void *b)
{
  const struct word *x = a, *y = b;

  return x->count == y->count ? strcmp(x->text, y->text) : x->count < y->count ? 1 : -1;
}

int main (int argc, char **argv)
{
  FILE *in = argc == 3 ? fopen(argv[1], "r") : NULL;
  char text[LONGEST], path[256];
  size_t length = 0;
  unsigned long count = 0;

  if (in == NULL) {
    fprintf(stderr, "usage: count FILE NAME\n");
    return 2;
  }

  for (int c = fgetc(in);; c = fgetc(in)) {
    if (isalpha(c) && length < LONGEST - 1) {
      text[length++] = (char) tolower(c);
    } else if (length > 0) {
      text[length] = '\0';
      add(text);
      count++;
      length = 0;
    }

    if (c == EOF) {
      break;
    }
  }

  fclose(in);
  qsort(words, known, sizeof *words, more);
  mkdir("out", 0777);
  snprintf(path, sizeof path, "out/%s.txt", argv[2]);

  FILE *out = fopen(path, "w");

  if (out == NULL) {
    perror(path);
    return 1;
  }

  for (size_t i = 0; i < known && i < SHOWN; i++) {
    fprintf(out, "%lu %s\n", words[i].count, words[i].text);
  }

  fclose(out);
  printf("%s: %lu words\n", argv[2], count);

  return 0;
}
