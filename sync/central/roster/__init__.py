"""The roster as people write it: sheets of a workbook or a directory of CSV files, taken in as a
whole or not at all, and written again so that nothing changes.

    file -> tables (csvfiles, xlsx) -> rows and faults (reading) -> changes -> checks -> database
"""
