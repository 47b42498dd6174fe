#!/bin/sh
# counts the lines of standard input
echo "$(wc -l | tr -d ' ') $WHAT, $1"
