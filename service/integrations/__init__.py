"""Other systems' webhooks: is the sender who it says it is, and which of our events does a body make.

Pure: no request, no store, no clock. The route is `web/integrations.py`; the files are read by
`settings/integrations.py`.
"""
