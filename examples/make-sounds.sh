#!/bin/sh
# Makes the examples' sounds anew, with espeak-ng and sox from Debian's packages. They are kept in
# the repository, so nobody needs to.
set -eu
cd "$(dirname "$0")"

say() { # FILE TEXT VOICE [PAUSE around it, in seconds]
    espeak-ng -v "$3" -s 140 --stdout "$2" |
        sox -q -t wav - -r 16000 -c 1 -b 16 "$1" norm -3 rate 16000 dither -S silence 1 0.05 0.1% reverse silence 1 0.05 0.1% reverse pad "${4:-0.2}" "${4:-0.2}"
}

say bot/sounds/greeting.wav "Hello. Say opening hours, or press one. Say operator, or press zero." en-gb
say bot/sounds/hours.wav "We are open from nine to five." en-gb
say bot/sounds/moment.wav "One moment, please." en-gb
say bot/sounds/pardon.wav "Pardon?" en-gb

say reminder/sounds/reminder.wav "Hello. This is the practice of Doctor Miller. You have an appointment tomorrow at nine. Press one to confirm. Press two, and we will call again." en-gb
say reminder/sounds/confirmed.wav "Thank you. See you tomorrow." en-gb
say reminder/sounds/later.wav "We will call again. Goodbye." en-gb
say reminder/sounds/goodbye.wav "Goodbye." en-gb
say reminder/sounds/message.wav "This is the practice of Doctor Miller. You have an appointment tomorrow at nine. Please call us back." en-gb

say meeting/sounds/sorry.wav "I only know what time it is." en-gb
say meeting/sounds/it-is.wav "It is" en-gb 0.05
say meeting/sounds/oclock.wav "o'clock" en-gb 0.05
say meeting/sounds/oh.wav "oh" en-gb 0.05
for number in $(seq 20) 30 40 50; do
    say "meeting/sounds/$number.wav" "$number" en-gb 0.05
done

# What callers say in tests.
say tests/sounds/hours.wav "opening hours" en-us
say tests/sounds/operator.wav "operator" en-us
say tests/sounds/time.wav "What time is it?" en-us
say tests/sounds/ready.wav "The report is ready." en-us
say tests/sounds/asked.wav "Assistant, what time is it?" en-gb-x-rp
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
