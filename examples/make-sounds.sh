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

# What callers say to the assistant: short words, loud from their beginning to their end.
word() { # FILE TEXT VOICE
    espeak-ng -v "$3" -s 150 --stdout "$2" |
        sox -q -t wav - -r 24000 -c 1 -b 16 "$1" norm -6 rate 24000 dither -S silence 1 0.01 1% reverse silence 1 0.01 1% reverse
}
word tests/talk/sounds/what.wav "what?" en-us
word tests/talk/sounds/no.wav "no!" en-gb
word tests/talk/sounds/wait.wav "wait!" en-us
word tests/talk/sounds/okay.wav "okay" en-gb

# What the fake model says where espeak-ng is not installed.
say assistant/fake/sounds/sentence-1.wav "I heard what you said." en-us
say assistant/fake/sounds/sentence-2.wav "Hello. This is a model that lives on your own machine." en-us
say assistant/fake/sounds/sentence-3.wav "And so it goes on, sentence after sentence, until somebody says something." en-us
