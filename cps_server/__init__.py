"""The STI-CPS: a Call Placement Service (ATIS-1000096, ATIS-1000105)."""
