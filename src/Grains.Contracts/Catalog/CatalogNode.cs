using System.Text.Json;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>A JSON value that knows where it stands, so that what is wrong with it can be told by line and field.</summary>
internal sealed class CatalogNode(JsonValueKind kind, string path, int line)
{
    public JsonValueKind Kind => kind;

    /// <summary>Such as <c>models[2].prices[0].from</c>.</summary>
    public string Path => path;

    /// <summary>Counted from 1.</summary>
    public int Line => line;

    /// <summary>A string's value; a number as the file writes it, since a price must not pass through a binary fraction.</summary>
    public string Text { get; init; } = "";

    public List<CatalogNode> Items { get; } = [];

    /// <summary>In the file's order.</summary>
    public List<(string Name, CatalogNode Value)> Fields { get; } = [];
}
