"""The command line with blocks of 40 mails, so that a small night has work for several workers."""

from handrail.cli import main
from handrail.flows import mailing

if __name__ == "__main__":
    vars(mailing)["BLOCK"] = 40
    main()
