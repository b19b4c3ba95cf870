"""Puts a company on a new ERPNext site, as its set-up wizard does: `company.py SITE`, in the bench's `sites`.

Frappe's own wizard, which both versions have; the function that ERPNext 15 has for its tests is gone in 16.
"""

import sys

import frappe
from frappe.desk.page.setup_wizard.setup_wizard import add_all_roles_to, setup_complete
from frappe.utils.data import now_datetime
from frappe.utils.nestedset import get_root_of

frappe.init(site=sys.argv[1])
frappe.connect()
frappe.clear_cache()
if not frappe.db.count("Company"):
	year = now_datetime().year
	setup_complete(
		{
			"currency": "USD",
			"full_name": "Test User",
			"company_name": "Wind Power LLC",
			"timezone": "America/New_York",
			"company_abbr": "WP",
			"industry": "Manufacturing",
			"country": "United States",
			"fy_start_date": f"{year}-01-01",
			"fy_end_date": f"{year}-12-31",
			"language": "english",
			"company_tagline": "Testing",
			"email": "test@erpnext.com",
			"password": "test",
			"chart_of_accounts": "Standard",
		}
	)
add_all_roles_to("Administrator")
defaults = {"customer_group": get_root_of("Customer Group"), "territory": get_root_of("Territory")}
frappe.db.set_single_value("Selling Settings", defaults)
for key, value in defaults.items():
	frappe.db.set_default(key, value)
# Prices that ERPNext makes by itself would make those of a test's documents depend on earlier tests.
frappe.db.set_single_value("Stock Settings", "auto_insert_price_list_rate_if_missing", 0)
serial_numbers = "enable_serial_and_batch_no_for_item"  # off at first in 16, not a choice in 15
if frappe.get_meta("Stock Settings").has_field(serial_numbers):
	frappe.db.set_single_value("Stock Settings", serial_numbers, 1)
frappe.db.commit()
frappe.destroy()
