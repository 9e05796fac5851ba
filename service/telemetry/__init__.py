"""What the service says about itself: metrics (`metrics.py`) and log events (`logs.py`), one table each."""
