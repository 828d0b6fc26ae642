"""The mesh of CPSs: what one accepted is found at all (ATIS-1000096)."""
