"""GB/T 24589 财经信息技术 会计核算软件数据接口: bytes of an XML or JSON file in, tables of records out.

A reader by names, not a claim of conformance: element names are those of the 2010 edition's ledger (总账) as seen in
public exporters, the numbered names of the 2024 edition as far as known, and those of GB/T 19581-2004. Namespaces are
passed over. What must not go in: what a unit is, where records are stored.
"""

from chengheng.protocols.gbt24589.names import NAMES, field_of, table_of
from chengheng.protocols.gbt24589.reading import Malformed, Record, read_json, read_xml

__all__ = ["NAMES", "Malformed", "Record", "field_of", "read_json", "read_xml", "table_of"]
