"""face_recognition in its own Python: answers on stdout what it is asked on stdin, a line each.

    {"do": "accept", "frame": FILE, "known": FILE}      -> {"ms": ..., "faces": ...}
    {"do": "encode", "frame": FILE, "box": [t,r,b,l]}   -> {"encoding": [...]}

`accept` is what its examples do with a frame of a camera: find faces (HOG, upsample 1), encode
them, compare each with everybody. FILEs are numpy's: an RGB frame, a matrix of encodings.
"""

import json
import sys
import time

import face_recognition
import numpy as np

known: dict[str, list[np.ndarray]] = {}
for line in sys.stdin:
    asked = json.loads(line)
    frame = np.load(asked["frame"])
    if asked["do"] == "encode":
        [encoding] = face_recognition.face_encodings(frame, [tuple(asked["box"])])
        print(json.dumps({"encoding": encoding.tolist()}), flush=True)
        continue
    if asked["known"] not in known:
        known[asked["known"]] = list(np.load(asked["known"]))
    everybody = known[asked["known"]]
    began = time.perf_counter()
    boxes = face_recognition.face_locations(frame, number_of_times_to_upsample=1, model="hog")
    for encoding in face_recognition.face_encodings(frame, boxes):
        face_recognition.compare_faces(everybody, encoding)
    ms = (time.perf_counter() - began) * 1000
    print(json.dumps({"ms": ms, "faces": len(boxes)}), flush=True)
