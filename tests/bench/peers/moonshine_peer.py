"""moonshine-voice as a peer: one JSON request a line on stdin, one JSON answer a line on stdout.

{"wav": path of a 16 kHz mono 16-bit file} -> {"ms": …, "text": …}; the clock runs inside this process.
"""
import array
import json
import sys
import time
import wave

from moonshine_voice import ModelArch
from moonshine_voice.transcriber import Transcriber

transcriber = Transcriber(sys.argv[1], ModelArch.TINY)
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    with wave.open(json.loads(line)["wav"]) as source:
        pcm = array.array("h", source.readframes(source.getnframes()))
    audio = [sample / 32768 for sample in pcm]
    started = time.perf_counter()
    transcript = transcriber.transcribe_without_streaming(audio, 16000)
    done = time.perf_counter()
    text = " ".join(part.text for part in transcript.lines)
    print(json.dumps({"ms": (done - started) * 1000, "text": text}), flush=True)
