import sys

from roberta_serve.cli import main

sys.exit(main())
