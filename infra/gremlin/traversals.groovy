// Run once, when the server starts.
def globals = [:]
globals << [g : traversal().withEmbedded(graph)]
