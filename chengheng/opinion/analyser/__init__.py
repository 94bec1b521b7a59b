"""The analyser: one pass over a batch of texts, from raw words to duplicates, rule hits, scores, places and events.

Pure: no Django, no database, no clock, no network. Numbers are numpy arrays, models are `.npz` files, time is an
argument. It ships without corpora and without trained models: what needs a model says so (`Heads.missing`) until the
customer trains one with `chengheng opinion train`.

    text        normalised code arrays of a batch, with the way back to the original characters
    words       every occurrence of many keywords (Hyperscan, or the pure matcher: same answers)
    rules       all / any / none / near, evaluated over the hits
    features    hashed character 1-3-grams as one sparse matrix
    heads       one sparse x dense product for all scores; explanation; abstaining
    training    fit, calibrate, compare on a held-out part, keep as a version
    nearness    exact hash, one-permutation MinHash, LSH index
    places      names to districts and streets
    events      single-pass clustering on titles
    bursts      Poisson tail over a seasonal base
    lexicon     relevance to city management, complaint class and doubt cues for an installation without a model
    kernel      all of it in one pass
"""
