"""What training a network takes, on paper: memory, communication and what to compute anew. Imports no torch.

keeps.py        what autograd keeps of each op: data        autocast.py, recurrent.py: data too
tape.py         kernels in order, and what they keep        record.py: a typed graph → its tape (rules.py, composites.py)
peak.py         the tape played forward and back → the most that is in memory at once
"""
