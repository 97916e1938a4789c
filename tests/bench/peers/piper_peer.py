"""piper-tts as a peer: one JSON request a line on stdin, one JSON answer a line on stdout.

{"text": …} -> {"firstAudioMs": …, "totalMs": …, "audioMs": …}; the clock runs inside this process, so the
pipe costs the peer nothing.
"""
import json
import os
import sys
import time

threads = int(sys.argv[3])
os.environ["OMP_NUM_THREADS"] = str(threads)

import onnxruntime  # noqa: E402

_create = onnxruntime.InferenceSession.__init__


def _with_threads(self, path_or_bytes, sess_options=None, *args, **kwargs):
    """Gives the peer the same thread count as ours; piper-tts offers no argument for it."""
    options = sess_options or onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    _create(self, path_or_bytes, options, *args, **kwargs)


onnxruntime.InferenceSession.__init__ = _with_threads

from piper import PiperVoice  # noqa: E402

voice = PiperVoice.load(sys.argv[1], sys.argv[2])
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    text = json.loads(line)["text"]
    started = time.perf_counter()
    first = None
    samples = 0
    rate = 0
    for chunk in voice.synthesize(text):
        if first is None:
            first = time.perf_counter()
        rate = chunk.sample_rate
        samples += len(chunk.audio_int16_bytes) // 2
    done = time.perf_counter()
    answer = {
        "firstAudioMs": ((first or done) - started) * 1000,
        "totalMs": (done - started) * 1000,
        "audioMs": samples * 1000 / rate if rate else 0,
    }
    print(json.dumps(answer), flush=True)
