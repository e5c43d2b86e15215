import sys
from pathlib import Path

REPORTS = Path(__file__).resolve().parent.parent / "reports"
sys.path.insert(0, str(REPORTS))
