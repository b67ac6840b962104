#!/bin/sh
# Makes the examples' sounds anew, with espeak-ng and sox from Debian's packages. They are kept in
# the repository, so nobody needs to.
set -eu
cd "$(dirname "$0")"

say() { # FILE TEXT VOICE
    espeak-ng -v "$3" -s 140 --stdout "$2" |
        sox -q -t wav - -r 16000 -c 1 -b 16 "$1" norm -3 rate 16000 dither -S silence 1 0.05 0.1% reverse silence 1 0.05 0.1% reverse pad 0.2 0.2
}

say bot/sounds/greeting.wav "Hello. Say opening hours, or press one. Say operator, or press zero." en-gb
say bot/sounds/hours.wav "We are open from nine to five." en-gb
say bot/sounds/moment.wav "One moment, please." en-gb
say bot/sounds/pardon.wav "Pardon?" en-gb

# What callers say in tests.
say tests/sounds/hours.wav "opening hours" en-us
say tests/sounds/operator.wav "operator" en-us
number=0
while read -r sentence; do
    number=$((number + 1))
    say "tests/sounds/sentence-$number.wav" "$sentence" en-us
done <tests/sounds/sentences.txt
