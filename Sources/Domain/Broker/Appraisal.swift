/// Policies, claims and refusals are the broker's own words too: whoever imports it has them.
@_exported public import Appraisal
