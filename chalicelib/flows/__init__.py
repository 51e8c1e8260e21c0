"""The paths that data takes, one module each.

::

    write    validate, decide, append            head      the state of a stream at its head
    read     view + tail, pages, history         listing   lists of resources
    project  log → views                         vocabulary, content, health
"""
