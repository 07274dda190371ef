// Nothing to call: what this target links runs before main.
#pragma once
