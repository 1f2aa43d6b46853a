using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>Makes a JSON schema of Gemini's own: types in capitals, and <c>nullable</c>.</summary>
internal static class GeminiSchema
{
    private static readonly string[] OfSchemas = ["items", "additionalProperties", "not"];
    private static readonly string[] OfLists = ["anyOf", "any_of", "allOf", "oneOf", "prefixItems", "prefix_items"];
    private static readonly string[] OfMaps = ["properties", "$defs", "defs"];

    /// <summary>The schema as others understand it.</summary>
    /// <param name="json">An object.</param>
    /// <exception cref="JsonException">A name is there twice.</exception>
    public static string Convert(string json)
    {
        var schema = JsonNode.Parse(json, null, new JsonDocumentOptions { AllowDuplicateProperties = false })!;
        Convert(schema);
        return schema.ToJsonString();
    }

    private static void Convert(JsonNode? node)
    {
        if (node is not JsonObject schema)
        {
            return;
        }

        if (schema["type"] is JsonValue value && value.TryGetValue<string>(out var type))
        {
            var isNullable = schema["nullable"] is JsonValue nullable && nullable.TryGetValue<bool>(out var flag) && flag;
            schema["type"] = isNullable ? new JsonArray(type.ToLowerInvariant(), "null") : type.ToLowerInvariant();
        }

        schema.Remove("nullable");
        schema.Remove("propertyOrdering");
        schema.Remove("property_ordering");

        // Lengths and counts are written as strings.
        foreach (var name in (ReadOnlySpan<string>)["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"])
        {
            if (schema[name] is JsonValue count && count.TryGetValue<string>(out var text) && long.TryParse(text, out var number))
            {
                schema[name] = number;
            }
        }

        if (schema["format"] is JsonValue format && format.TryGetValue<string>(out var word) && word == "enum")
        {
            schema.Remove("format");
        }

        foreach (var name in OfSchemas)
        {
            Convert(schema[name]);
        }

        foreach (var name in OfLists)
        {
            foreach (var item in schema[name] as JsonArray ?? [])
            {
                Convert(item);
            }
        }

        foreach (var name in OfMaps)
        {
            foreach (var (_, property) in schema[name] as JsonObject ?? [])
            {
                Convert(property);
            }
        }

        if (schema.Remove("any_of", out var any))
        {
            schema["anyOf"] = any;
        }
    }
}
