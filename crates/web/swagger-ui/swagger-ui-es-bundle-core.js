// The page loads swagger-ui-bundle.js instead of this file.
