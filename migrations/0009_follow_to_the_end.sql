-- Pull requests are followed to their end also while their items are reworked, or when those have failed.

DROP INDEX work_items_in_review;
CREATE INDEX work_items_in_review ON work_items (id) WHERE status = 'in_review';
CREATE INDEX pull_requests_followed ON pull_requests (item) WHERE state = 'open' AND looked_at IS NOT NULL;
