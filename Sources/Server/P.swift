import Hummingbird

import AsyncHTTPClient
import TOMLKit

