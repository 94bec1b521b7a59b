"""What the standards say for this room: pure functions and tables; no database, no clock, no I/O, no Django.

`grammar` reads a target text, `tables` recognises a target table in a reader's rows, `binding` suggests measures,
`forecasting` forecasts a year's end, `scoring` scores a self-evaluation, `sampling` judges a survey.
"""
