"""What every long computation needs: a device, a state to go on from, signals, progress, provenance.

Distillations and trainings both stand on it; nothing here knows what is computed.
"""
