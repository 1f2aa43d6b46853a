namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Reads the environment variables that a catalog names.</summary>
internal sealed class CatalogEnvironment(CatalogProblems problems, EnvironmentVariables variables)
{
    /// <summary>The value of the variable that the field names; null, with a warning, when it is not set.</summary>
    public string? Read(CatalogFields fields, string field)
    {
        if (fields.Find(field) is not { } node || fields.TextOf(node) is not { } name)
        {
            return null;
        }
        if (!name.All(character => char.IsAsciiLetterOrDigit(character) || character == '_') || char.IsAsciiDigit(name[0]))
        {
            // Not repeated: it may be a key that somebody put where its variable's name belongs.
            problems.Error(node, "The name of an environment variable is expected, never the value itself.");
            return null;
        }
        var value = variables(name)?.Trim();
        if (string.IsNullOrEmpty(value))
        {
            problems.Warn(node, $"The environment variable {name} is not set.");
            return null;
        }
        if (value.Any(character => character is < ' ' or > '~'))
        {
            problems.Error(node, $"The value of the environment variable {name} holds characters that no header can carry.");
            return null;
        }
        return value;
    }
}
