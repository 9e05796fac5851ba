"""What `followthrough doctor` looks at: one file a section, each a function from the settings to findings.

A check changes nothing, sends nothing, and never raises: what it cannot find out is a finding, too.
"""
