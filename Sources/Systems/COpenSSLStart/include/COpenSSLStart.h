// Declares nothing: the linked initialiser runs before main.
#pragma once
