-- Puts a renewed certificate in place. HAProxy takes it without a reload, so that no call is cut.
local RENEWED = "/certificates/site.pem" -- written by the container `certificates`, whole or not at all
local USED = "/tmp/site.pem" -- the name that the configuration knows
local EVERY_SECONDS = 5

local function content(path)
	local file = io.open(path, "r")
	if not file then
		return nil
	end
	local text = file:read("a")
	file:close()
	return text
end

-- The documentation calls the field `crt`; HAProxy 3.0 knows it by an empty name.
local function use(text)
	return pcall(CertCache.set, { filename = USED, crt = text })
		or pcall(CertCache.set, { filename = USED, [""] = text })
end

core.register_task(function()
	local last = content(USED)
	while true do
		core.sleep(EVERY_SECONDS)
		local text = content(RENEWED)
		if text and text ~= last then
			if use(text) then
				core.Info("gateway: a new certificate is in use")
			else
				core.Alert("gateway: " .. RENEWED .. " has no certificate with its key; the one before stays")
			end
			last = text
		end
	end
end)
