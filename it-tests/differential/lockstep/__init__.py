"""The differential test: the same operations on two overlays, and what each of them answers.

    scenario      what is run: layers, options, operations; a plain value that can be recorded and replayed
    layers        makes random layers
    sequences     makes random operations, with plans (short stories) among them, and values for both
    operations    what each operation does
    actors        the processes that do them on one side
    sides         one overlay and its layers
    contest       runs a scenario on two sides and judges
    known         the differences that are no fault, each with its reason
    mutants       faults put in on purpose: the proof that the test can fail
    minimiser     shrinks a failing scenario
    runner        many seeds, and the report
"""
